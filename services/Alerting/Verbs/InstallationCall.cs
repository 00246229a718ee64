using System.CommandLine;
using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Alerting;

/// <summary>Calls the HTTP API of a running installation for a verb, so that roles, bounds and audit are the same for everybody.</summary>
/// <param name="role">Role that the key needs.</param>
/// <param name="timeout">Longest wait for the answer.</param>
internal sealed class InstallationCall(string role, TimeSpan timeout)
{
    private const string KeyVariable = "MONITORING_API_KEY";

    private readonly Option<string> _config = VerbOptions.Config();
    private readonly Option<string?> _json = VerbOptions.Json();
    private readonly Option<string?> _url = new("--url") { Description = "Address of the running installation; api.publicUrl or the first of api.listen when absent." };
    private readonly Option<string?> _key = new("--key") { Description = $"Key with the role {role}, as env:NAME or file:PATH; env:{KeyVariable} when absent and set." };

    public void AddTo(Command command)
    {
        command.Add(_config);
        command.Add(_url);
        command.Add(_key);
        command.Add(_json);
    }

    /// <summary>Calls, says on standard error what went wrong, and writes the answer where <c>--json</c> says.</summary>
    /// <returns>The exit status, and the answer where it is 0.</returns>
    public async Task<(int Exit, T? Answer)> CallAsync<T>(ParseResult parsed, HttpMethod method, string path, object? body, CancellationToken cancellationToken)
        where T : class
    {
        if (!TryAddress(parsed, out var address, out var key, out var problem))
        {
            await Console.Error.WriteLineAsync($"error: {problem}").ConfigureAwait(false);
            return (ExitCode.Usage, null);
        }

        using var handler = new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false };
        using var http = new HttpClient(handler) { Timeout = timeout };
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
                return ((int)response.StatusCode == 400 ? ExitCode.Usage : ExitCode.Failure, null);
            }

            var answer = await response.Content.ReadFromJsonAsync<T>(cancellationToken).ConfigureAwait(false);
            await VerbOptions.WriteJsonAsync(parsed.GetValue(_json), answer!, cancellationToken).ConfigureAwait(false);
            return (ExitCode.Success, answer);
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException && !cancellationToken.IsCancellationRequested)
        {
            await Console.Error.WriteLineAsync($"error: {address} does not answer: {e.Message}").ConfigureAwait(false);
            return (ExitCode.Failure, null);
        }
    }

    private async Task<string> ReasonOfAsync(HttpResponseMessage response, CancellationToken cancellationToken)
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
            403 => $"403: this key lacks the role {role}",
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
