using System.CommandLine;
using System.Globalization;
using Monitoring.Hosting;

namespace Monitoring.Alerting;

/// <summary>
/// <c>respond throttle|deny|coarsen|route|list|approve|lift</c>: contains a client, by the HTTP API of a running installation, so that
/// roles, bounds and audit are the same for everybody.
/// </summary>
public sealed class RespondVerb : IVerb
{
    private readonly InstallationCall _installation = new("respond", TimeSpan.FromSeconds(15));

    public Command CreateCommand()
    {
        var rate = new Option<double>("--rate") { Description = "Calls a second.", DefaultValueFactory = _ => 1 };
        var decimals = new Option<int>("--decimals") { Description = "Decimals kept; 0 gives the top class only." };
        var to = new Option<string>("--to") { Description = "A version of the model, previous (the first of models[].versions, else the fallback), or fallback.", DefaultValueFactory = _ => ControlTargets.Fallback };
        var command = new Command("respond", "Contain a client: throttle, deny, coarsen its outputs or route it elsewhere, for a time. Recorded only, unless controls.enforce.")
        {
            Decision("throttle", "At most so many calls a second.", rate, (r, p) => r with { Rate = p.GetValue(rate) }),
            Decision("deny", "No calls at all.", null, (r, _) => r),
            Decision("coarsen", "Rounded outputs, or the top class only.", decimals, (r, p) => r with { Decimals = p.GetValue(decimals) }),
            Decision("route", "Answered by another version or by the fallback: one client, or with --model alone everybody, which is the way back.", to, (r, p) => r with { To = p.GetValue(to) }),
        };

        var all = new Option<bool>("--all") { Description = "Also the lifted and expired ones." };
        var list = new Command("list", "Decisions in force.") { all };
        list.SetAction((parsed, token) => CallAsync(parsed, HttpMethod.Get, parsed.GetValue(all) ? "/api/responses?all=true" : "/api/responses", null, token));
        _installation.AddTo(list);
        command.Add(list);

        var id = new Argument<string>("id") { Description = "Id of the decision." };
        var approve = new Command("approve", "Enforce a decision that was recorded only.") { id };
        approve.SetAction((parsed, token) => CallAsync(parsed, HttpMethod.Post, $"/api/responses/{Uri.EscapeDataString(parsed.GetRequiredValue(id))}/approve", null, token));
        _installation.AddTo(approve);
        command.Add(approve);

        var reason = Reason();
        var lift = new Command("lift", "End a decision now.") { id, reason };
        lift.SetAction((parsed, token) => CallAsync(parsed, HttpMethod.Post, $"/api/responses/{Uri.EscapeDataString(parsed.GetRequiredValue(id))}/lift", new { reason = parsed.GetValue(reason) }, token));
        _installation.AddTo(lift);
        command.Add(lift);
        return command;
    }

    private static Option<string?> Reason() => new("--reason") { Description = "Why, for the audit." };

    private Command Decision(string name, string description, Option? parameter, Func<ResponseRequest, ParseResult, ResponseRequest> complete)
    {
        var client = new Option<string?>("--client") { Description = "The client's own name, or its sealed id." };
        var incident = new Option<string?>("--incident") { Description = "The incident that it answers; without --client, all its clients." };
        var model = new Option<string?>("--model") { Description = "Model; all models when absent and no incident names one." };
        var duration = new Option<string?>("--for")
        {
            Description = name == "route" ? "For how long, for example 2h; for everybody controls.maxDuration when absent." : "For how long, for example 2h.",
            Required = name != "route",
        };
        var dryRun = new Option<bool>("--dry-run") { Description = "Record only." };
        var reason = Reason();
        var command = new Command(name, description) { client, incident, model, duration, dryRun, reason };
        _installation.AddTo(command);
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
        var (exit, responses) = await _installation.CallAsync<List<ResponseView>>(parsed, method, path, body, cancellationToken).ConfigureAwait(false);
        foreach (var one in responses ?? [])
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{one.Id} {one.State} {one.Mode}: {one.Action} {one.Parameter}{(one.Parameter.Length > 0 ? " " : "")}{(one.Client.Length > 0 ? $"client {one.Client}" : "everyone")} model {(one.Model.Length > 0 ? one.Model : "*")} until {one.Expires} by {one.Author}{(one.Reason.Length > 0 ? $": {one.Reason}" : "")}"));
        }

        return exit;
    }
}
