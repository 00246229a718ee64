using System.CommandLine;
using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Alerting;

/// <summary>
/// <c>respond throttle|deny|coarsen|route|list|approve|lift</c>: contains a client, by the HTTP API of a running installation, so that
/// roles, bounds and audit are the same for everybody.
/// </summary>
public sealed class RespondVerb : IVerb
{
    private const string KeyVariable = "MONITORING_API_KEY";
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(15);

    private readonly Option<string> _config = VerbOptions.Config();
    private readonly Option<string?> _json = VerbOptions.Json();
    private readonly Option<string?> _url = new("--url") { Description = "Address of the running installation; api.publicUrl or the first of api.listen when absent." };
    private readonly Option<string?> _key = new("--key") { Description = $"Key with the role respond, as env:NAME or file:PATH; env:{KeyVariable} when absent and set." };

    public Command CreateCommand()
    {
        var rate = new Option<double>("--rate") { Description = "Calls a second.", DefaultValueFactory = _ => 1 };
        var decimals = new Option<int>("--decimals") { Description = "Decimals kept; 0 gives the top class only." };
        var to = new Option<string>("--to") { Description = "A version of the model, or fallback.", DefaultValueFactory = _ => ControlTargets.Fallback };
        var command = new Command("respond", "Contain a client: throttle, deny, coarsen its outputs or route it elsewhere, for a time. Recorded only, unless controls.enforce.")
        {
            Decision("throttle", "At most so many calls a second.", rate, (r, p) => r with { Rate = p.GetValue(rate) }),
            Decision("deny", "No calls at all.", null, (r, _) => r),
            Decision("coarsen", "Rounded outputs, or the top class only.", decimals, (r, p) => r with { Decimals = p.GetValue(decimals) }),
            Decision("route", "Answered by another version or by the fallback.", to, (r, p) => r with { To = p.GetValue(to) }),
        };

        var all = new Option<bool>("--all") { Description = "Also the lifted and expired ones." };
        var list = new Command("list", "Decisions in force.") { all, _config, _url, _key, _json };
        list.SetAction((parsed, token) => CallAsync(parsed, HttpMethod.Get, parsed.GetValue(all) ? "/api/responses?all=true" : "/api/responses", null, token));
        command.Add(list);

        var id = new Argument<string>("id") { Description = "Id of the decision." };
        var approve = new Command("approve", "Enforce a decision that was recorded only.") { id, _config, _url, _key, _json };
        approve.SetAction((parsed, token) => CallAsync(parsed, HttpMethod.Post, $"/api/responses/{Uri.EscapeDataString(parsed.GetRequiredValue(id))}/approve", null, token));
        command.Add(approve);

        var reason = Reason();
        var lift = new Command("lift", "End a decision now.") { id, reason, _config, _url, _key, _json };
        lift.SetAction((parsed, token) => CallAsync(parsed, HttpMethod.Post, $"/api/responses/{Uri.EscapeDataString(parsed.GetRequiredValue(id))}/lift", new { reason = parsed.GetValue(reason) }, token));
        command.Add(lift);
        return command;
    }

    private static Option<string?> Reason() => new("--reason") { Description = "Why, for the audit." };

    private Command Decision(string name, string description, Option? parameter, Func<ResponseRequest, ParseResult, ResponseRequest> complete)
    {
        var client = new Option<string?>("--client") { Description = "The client's own name, or its sealed id." };
        var incident = new Option<string?>("--incident") { Description = "The incident that it answers; without --client, all its clients." };
        var model = new Option<string?>("--model") { Description = "Model; all models when absent and no incident names one." };
        var duration = new Option<string>("--for") { Description = "For how long, for example 2h.", Required = true };
        var dryRun = new Option<bool>("--dry-run") { Description = "Record only." };
        var reason = Reason();
        var command = new Command(name, description) { client, incident, model, duration, dryRun, reason, _config, _url, _key, _json };
        if (parameter is not null)
        {
            command.Add(parameter);
        }

        command.SetAction((parsed, token) => CallAsync(
            parsed,
            HttpMethod.Post,
            "/api/responses",
            complete(
                new ResponseRequest(name, parsed.GetValue(client), parsed.GetValue(incident), parsed.GetValue(model), parsed.GetValue(duration), Reason: parsed.GetValue(reason), DryRun: parsed.GetValue(dryRun) ? true : null),
                parsed),
            token));
        return command;
    }

    private async Task<int> CallAsync(ParseResult parsed, HttpMethod method, string path, object? body, CancellationToken cancellationToken)
    {
        if (!TryAddress(parsed, out var address, out var key, out var problem))
        {
            await Console.Error.WriteLineAsync($"error: {problem}").ConfigureAwait(false);
            return ExitCode.Usage;
        }

        using var handler = new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false };
        using var http = new HttpClient(handler) { Timeout = s_timeout };
        using var request = new HttpRequestMessage(method, new Uri(address, path)) { Content = body is null ? null : JsonContent.Create(body) };
        if (key is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        }

        try
        {
            using var response = await http.SendAsync(request, cancellationToken).ConfigureAwait(false);
            if (!response.IsSuccessStatusCode)
            {
                await Console.Error.WriteLineAsync($"error: {await ReasonOfAsync(response, cancellationToken).ConfigureAwait(false)}").ConfigureAwait(false);
                return (int)response.StatusCode == 400 ? ExitCode.Usage : ExitCode.Failure;
            }

            var responses = await response.Content.ReadFromJsonAsync<List<ResponseView>>(cancellationToken).ConfigureAwait(false) ?? [];
            foreach (var one in responses)
            {
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{one.Id} {one.State} {one.Mode}: {one.Action} {one.Parameter}{(one.Parameter.Length > 0 ? " " : "")}client {one.Client} model {(one.Model.Length > 0 ? one.Model : "*")} until {one.Expires} by {one.Author}{(one.Reason.Length > 0 ? $": {one.Reason}" : "")}"));
            }

            await VerbOptions.WriteJsonAsync(parsed.GetValue(_json), responses, cancellationToken).ConfigureAwait(false);
            return ExitCode.Success;
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException && !cancellationToken.IsCancellationRequested)
        {
            await Console.Error.WriteLineAsync($"error: {address} does not answer: {e.Message}").ConfigureAwait(false);
            return ExitCode.Failure;
        }
    }

    private static async Task<string> ReasonOfAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var text = await response.Content.ReadAsStringAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            using var problem = JsonDocument.Parse(text);
            if (problem.RootElement.TryGetProperty("detail", out var detail))
            {
                return detail.ToString();
            }
        }
        catch (JsonException)
        {
            // The status has to do.
        }

        return (int)response.StatusCode switch
        {
            401 => $"401: the key is missing or unknown; give one with --key or {KeyVariable}",
            403 => "403: this key lacks the role respond",
            var status => string.Create(CultureInfo.InvariantCulture, $"the answer was {status}"),
        };
    }

    private bool TryAddress(ParseResult parsed, out Uri address, out string? key, out string problem)
    {
        (address, key, problem) = (new Uri("http://127.0.0.1:8080"), null, "");
        if (parsed.GetValue(_url) is { } url)
        {
            if (!Uri.TryCreate(url, UriKind.Absolute, out var given) || given.Scheme is not ("http" or "https"))
            {
                problem = $"--url: '{url}' is not an http or https address";
                return false;
            }

            address = given;
        }
        else if (File.Exists(parsed.GetRequiredValue(_config)))
        {
            var api = LoadedConfiguration.Load(parsed.GetRequiredValue(_config), []).Value.Api;
            var listen = api.Listen.Count > 0 ? api.Listen[0].Replace("//*", "//127.0.0.1", StringComparison.Ordinal).Replace("//+", "//127.0.0.1", StringComparison.Ordinal).Replace("//0.0.0.0", "//127.0.0.1", StringComparison.Ordinal) : null;
            address = api.PublicUrl ?? (Uri.TryCreate(listen, UriKind.Absolute, out var own) ? own : address);
        }

        if (parsed.GetValue(_key) is { } reference)
        {
            if (!SecretReference.TryParse(reference, out var secret))
            {
                problem = "--key: names a key without holding it: env:NAME or file:PATH";
                return false;
            }

            try
            {
                key = secret!.Read();
            }
            catch (InvalidOperationException e)
            {
                problem = $"--key: {e.Message}";
                return false;
            }
        }
        else
        {
            key = Environment.GetEnvironmentVariable(KeyVariable) is { Length: > 0 } set ? set : null;
        }

        return true;
    }
}
