using Microsoft.EntityFrameworkCore;
using Monitoring.Contracts;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;
using Monitoring.Storage;

namespace Monitoring.Incidents;

/// <summary>Who is told what: routes and severities of the configuration, and the rows that follow from a transition.</summary>
public sealed class Outbox(CurrentConfiguration current, IncidentLinks links, SealedRoots roots)
{
    private const int MaxTimeline = 200;

    private readonly Uri? _publicUrl = current.Value.Value.Api.PublicUrl;

    /// <summary>
    /// Records a transition: its place in the order, the timeline, and one row per receiver. A receiver that was told of the
    /// opening is told how it goes on; one that was not, is not, and neither is one that is not configured any more.
    /// </summary>
    /// <returns>The rows, already added to the context.</returns>
    public IReadOnlyList<OutboxNotification> Transition(MonitoringDbContext context, Incident incident, TransitionFacts facts, IEnumerable<string> receivers)
    {
        incident.TransitionCount++;
        incident.Details = incident.Details with
        {
            Timeline = [.. incident.Details.Timeline.TakeLast(MaxTimeline - 1), new TimelineEntry(facts.TimeUnixNano, facts.Name, facts.Actor, facts.Text)],
        };
        var message = Message(incident, facts).ToJson();
        var configured = current.Value.Value.Receivers.Select(r => r.Name).ToHashSet(StringComparer.Ordinal);
        var rows = receivers.Where(configured.Contains).Select(receiver => new OutboxNotification
        {
            Id = StableId.Notification(incident.Id, facts.Name, receiver),
            Subject = incident.Id,
            Sequence = incident.TransitionCount,
            Transition = facts.Name,
            Receiver = receiver,
            State = NotificationState.Pending,
            Message = message,
            FindingId = facts.FindingId,
            FindingUnixNano = facts.FindingUnixNano,
            CreatedUnixNano = facts.NowUnixNano,
            NextAttemptUnixNano = facts.NowUnixNano,
        }).ToList();
        context.Notifications.AddRange(rows);
        return rows;
    }

    /// <summary>Closes an incident and tells those who were told of it.</summary>
    public async Task CloseAsync(MonitoringDbContext context, Incident incident, IncidentState state, TransitionFacts facts, CancellationToken cancellationToken)
    {
        incident.State = state;
        incident.OpenKey = null;
        incident.ClosedUnixNano = facts.NowUnixNano;
        Transition(context, incident, facts, await ToldAsync(context, incident.Id, cancellationToken).ConfigureAwait(false));
    }

    /// <summary>Receivers that have a message about the incident.</summary>
    public static async Task<IReadOnlyList<string>> ToldAsync(MonitoringDbContext context, string incident, CancellationToken cancellationToken) =>
        await context.Notifications.AsNoTracking()
            .Where(n => n.Subject == incident)
            .Select(n => n.Receiver)
            .Distinct()
            .OrderBy(r => r)
            .ToListAsync(cancellationToken).ConfigureAwait(false);

    /// <summary>Receivers that get a message at once about an incident of this severity.</summary>
    public IEnumerable<string> ToldAtOnce(Incident incident) =>
        Routed(incident).Where(r => incident.Severity == Severity.Harm || r.Severity == ReceiverSeverity.Record).Select(r => r.Name);

    /// <summary>Whether the receiver's daily digest lists the incident.</summary>
    public bool InDigestOf(string receiver, Incident incident) =>
        Routed(incident).Any(r => r.Name == receiver && r.Severity != ReceiverSeverity.Harm);

    /// <summary>Address of an incident's page, signed where signing in is needed; null where nobody said where this installation is reached.</summary>
    public string? Link(string incident, long nowUnixNano) =>
        _publicUrl is { } url ? $"{url.ToString().TrimEnd('/')}/incidents/{Uri.EscapeDataString(incident)}{links.Query(incident, UnixNano.ToTime(nowUnixNano))}" : null;

    private IEnumerable<ReceiverConfiguration> Routed(Incident incident)
    {
        var configuration = current.Value.Value;
        if (configuration.Routes.Count == 0)
        {
            return configuration.Receivers;
        }

        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var route in configuration.Routes.Where(r => Matches(configuration, r, incident)))
        {
            names.Add(route.Receiver);
            if (!route.Continue)
            {
                break;
            }
        }

        return configuration.Receivers.Where(r => names.Contains(r.Name));
    }

    private static bool Matches(MonitoringConfiguration configuration, RouteConfiguration route, Incident incident) =>
        (route.Models.Count == 0 || route.Models.Contains(incident.Model, StringComparer.Ordinal))
        && (route.Families.Count == 0 || route.Families.Contains(Vocabulary.Of(incident.Family), StringComparer.OrdinalIgnoreCase))
        && (route.Owners.Count == 0 || (configuration.Models.FirstOrDefault(m => m.Name == incident.Model)?.Owner is { } owner && route.Owners.Contains(owner, StringComparer.Ordinal)));

    /// <summary>What is to be said about an incident as it is now.</summary>
    public IncidentMessage Message(Incident incident, TransitionFacts facts) => new()
    {
        Incident = incident.Id,
        Sequence = incident.TransitionCount,
        Transition = facts.Name,
        State = Vocabulary.Of(incident.State),
        Severity = Vocabulary.Of(incident.Severity),
        Family = Vocabulary.Of(incident.Family),
        Model = incident.Model,
        ModelVersion = incident.ModelVersion,
        Client = incident.Client,
        Sentence = incident.Sentence,
        Text = facts.Text,
        TimeUnixNano = facts.TimeUnixNano,
        SinceUnixNano = incident.SinceUnixNano,
        OpenedUnixNano = incident.OpenedUnixNano,
        LastFindingUnixNano = incident.LastFindingUnixNano,
        Findings = incident.FindingCount,
        Events = incident.EventCount,
        Coverage = incident.Coverage,
        AtlasTechnique = incident.AtlasTechnique,
        FirstStep = FirstStep.Of(incident.Family),
        Url = Link(incident.Id, facts.NowUnixNano),
        Clients = [.. incident.Details.Clients.Take(10)],
        Variables = [.. incident.Details.Variables.Take(5)],
        Samples = [.. incident.Details.SampleEventIds.Take(10)],
        Monitors = [.. incident.Details.Monitors.Take(10)],
        Measures = incident.Details.Measures.Take(20).ToDictionary(),
        Lines = [.. facts.Lines.Take(20)],
        MoreLines = Math.Max(0, facts.Lines.Count - 20),
        SealedRoot = roots.Newest(partition: incident.Details.InputPartition ?? -1),
    };
}
