using Microsoft.EntityFrameworkCore;
using Monitoring.Alerting.Incidents;
using Monitoring.Contracts;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;
using Monitoring.Storage;
using Action = Monitoring.Contracts.Action;

namespace Monitoring.Alerting.Responses;

/// <summary>
/// Applies <c>responses:</c> of the configuration: an open incident that somebody was told of and that matches a policy leads to one
/// decision per client. A decision's id is a function of incident, policy and client: looking again, after a crash or in a second process,
/// decides nothing twice, and what a person lifted stays lifted. An incident that turns out to be a false alarm frees its clients.
/// </summary>
internal sealed class ResponsePolicies(MonitoringDatabase database, ControlLedger ledger, ResponseDesk desk, AlertingSettings settings, ClientSealer sealer, TimeProvider time)
{
    private const string AuthorPrefix = "policy:";
    private const int MaxIncidents = 1000;
    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(500);
    private readonly HashSet<string> _decided = new(StringComparer.Ordinal);

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await ledger.Read.WaitAsync(cancellationToken).ConfigureAwait(false);
        while (!cancellationToken.IsCancellationRequested)
        {
            await ApplyAsync(cancellationToken).ConfigureAwait(false);
            await FreeAsync(cancellationToken).ConfigureAwait(false);
            await Task.Delay(s_interval, time, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Decides what the open incidents ask for and is not decided yet.</summary>
    public async Task ApplyAsync(CancellationToken cancellationToken)
    {
        var incidents = await database.ReadAsync(
            (context, token) => context.Incidents
                .Where(i => i.OpenKey != null && !i.IsStorm && i.Suppression == "")
                .OrderByDescending(i => i.OpenedUnixNano).ThenBy(i => i.Id)
                .Take(MaxIncidents)
                .ToListAsync(token),
            cancellationToken).ConfigureAwait(false);
        var known = ledger.Current.ById;
        foreach (var incident in incidents)
        {
            var model = settings.Configuration.Models.FirstOrDefault(m => m.Name == incident.Model);
            foreach (var policy in settings.Configuration.Responses.Where(p => Matches(p, incident)))
            {
                var controls = Clients(incident, model)
                    .Select(client => Draft(policy, incident, client))
                    .Where(c => !known.ContainsKey(c.Id) && _decided.Add(c.Id))
                    .ToList();
                if (controls.Count > 0 && (await desk.DecideAsync(controls, controls[0].Author, cancellationToken).ConfigureAwait(false)).Outcome != ResponseOutcome.Done)
                {
                    controls.ForEach(c => _decided.Remove(c.Id));
                }
            }
        }
    }

    /// <summary>Lifts what policies decided about incidents that were nothing.</summary>
    public async Task FreeAsync(CancellationToken cancellationToken)
    {
        var now = UnixNano.Now(time);
        var running = ledger.Current.ById.Values
            .Where(c => !c.Revoked && c.ExpiresUnixNano > now && c.Incident.Length > 0 && c.Author.StartsWith(AuthorPrefix, StringComparison.Ordinal))
            .ToLookup(c => c.Incident, StringComparer.Ordinal);
        if (running.Count == 0)
        {
            return;
        }

        var ids = running.Select(r => r.Key).ToList();
        var nothing = await database.ReadAsync(
            (context, token) => context.Incidents.Where(i => ids.Contains(i.Id) && i.State == IncidentState.FalseAlarm).Select(i => i.Id).ToListAsync(token),
            cancellationToken).ConfigureAwait(false);
        foreach (var control in nothing.SelectMany(id => running[id]))
        {
            await desk.LiftByPolicyAsync(control, "the incident was a false alarm", cancellationToken).ConfigureAwait(false);
        }
    }

    private static bool Matches(ResponsePolicyConfiguration policy, Incident incident)
    {
        var family = policy.Families.Count == 0
            ? incident.Family is Family.Extraction or Family.Adversarial or Family.Leakage
            : policy.Families.Contains(Vocabulary.Of(incident.Family), StringComparer.Ordinal);
        var least = policy.Severity switch { ReceiverSeverity.Harm => Severity.Harm, ReceiverSeverity.Change => Severity.Change, _ => Severity.Record };
        var clients = incident.Client.Length > 0 ? 1 : incident.Details.Clients.Count;
        return family && incident.Severity >= least && clients > 0 && clients <= policy.MaxClients
            && (policy.Models.Count == 0 || policy.Models.Contains(incident.Model, StringComparer.Ordinal));
    }

    /// <summary>Known heavy clients are never contained by a machine.</summary>
    private IEnumerable<string> Clients(Incident incident, ModelConfiguration? model)
    {
        var clients = incident.Client.Length > 0 ? [incident.Client] : incident.Details.Clients;
        var expected = (model?.Expected ?? []).Select(e => sealer.Seal("client", e)).ToHashSet(StringComparer.Ordinal);
        return clients.Where(c => !expected.Contains(c));
    }

    private Control Draft(ResponsePolicyConfiguration policy, Incident incident, string client)
    {
        var now = UnixNano.Now(time);
        return new Control
        {
            Id = StableId.Control(incident.Id, policy.Name, client),
            TimeUnixNano = now,
            Model = incident.Model,
            Client = client,
            Action = policy.Action switch { ResponseAction.Throttle => Action.Throttle, ResponseAction.Deny => Action.Deny, ResponseAction.Coarsen => Action.Coarsen, _ => Action.Route },
            ExpiresUnixNano = now + UnixNano.Span(policy.For),
            Rate = policy.Action == ResponseAction.Throttle ? policy.Rate : 0,
            Decimals = policy.Action == ResponseAction.Coarsen ? policy.Decimals : 0,
            Target = policy.Action == ResponseAction.Route ? policy.To ?? "" : "",
            DryRun = policy.NeedsApproval || !settings.Configuration.Controls.Enforce,
            Author = AuthorPrefix + policy.Name,
            Reason = policy.NeedsApproval ? "waits for approval" : "",
            Incident = incident.Id,
        };
    }
}
