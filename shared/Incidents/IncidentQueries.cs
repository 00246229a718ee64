using Microsoft.EntityFrameworkCore;
using Monitoring.Contracts;
using Monitoring.EventLog;
using Monitoring.Storage;

namespace Monitoring.Incidents;

/// <summary>Reads for the HTTP API and for pages.</summary>
public sealed class IncidentQueries(MonitoringDatabase database, IEventLog log)
{
    /// <summary>Newest first. Members of storms are listed only when asked for by <paramref name="filter"/>.</summary>
    public async Task<IncidentPage> ListAsync(IncidentFilter filter, Actor actor, CancellationToken cancellationToken)
    {
        var limit = Math.Clamp(filter.Limit ?? 50, 1, 500);
        var models = actor.Models.ToList();
        var rows = await database.ReadAsync(
            (context, token) =>
            {
                IQueryable<Incident> query = context.Incidents;
                query = models.Count > 0 ? query.Where(i => models.Contains(i.Model)) : query;
                query = filter.State is { } state ? query.Where(i => i.State == state) : query;
                query = filter.IsOpen is { } open ? query.Where(i => (i.OpenKey != null) == open) : query;
                query = filter.Severity is { } severity ? query.Where(i => i.Severity == severity) : query;
                query = filter.Family is { } family ? query.Where(i => i.Family == family) : query;
                query = filter.Model is { Length: > 0 } model ? query.Where(i => i.Model == model) : query;
                query = filter.Client is { Length: > 0 } client ? query.Where(i => i.Client == client) : query;
                query = filter.Parent is { Length: > 0 } parent ? query.Where(i => i.ParentId == parent) : filter.Model is null ? query.Where(i => i.ParentId == null) : query;
                query = filter.Before is { } before ? query.Where(i => i.OpenedUnixNano < before) : query;
                return query.OrderByDescending(i => i.OpenedUnixNano).ThenBy(i => i.Id).Take(limit).ToListAsync(token);
            },
            cancellationToken).ConfigureAwait(false);
        return new IncidentPage(rows.ConvertAll(IncidentView.Of), rows.Count == limit ? rows[^1].OpenedUnixNano : null);
    }

    /// <summary>Whether an actor may ask who a client is: who is limited to some models only about clients that their incidents are about.</summary>
    public async Task<bool> MayRevealAsync(string client, Actor actor, CancellationToken cancellationToken)
    {
        var models = actor.ActsOn.ToList();
        return models.Count == 0
            || await database.ReadAsync((context, token) => context.Incidents.AnyAsync(i => i.Client == client && models.Contains(i.Model), token), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Null when there is none that the actor may see.</summary>
    public async Task<IncidentDetailView?> FindAsync(string id, Actor actor, CancellationToken cancellationToken)
    {
        var view = await database.ReadAsync(
            async (context, token) =>
            {
                var incident = await context.Incidents.FirstOrDefaultAsync(i => i.Id == id, token).ConfigureAwait(false);
                if (incident is null || !actor.MaySee(incident.Model))
                {
                    return null;
                }

                var findings = await context.IncidentFindings.Where(f => f.IncidentId == id).OrderByDescending(f => f.TimeUnixNano).Take(100).Select(f => f.Payload).ToListAsync(token).ConfigureAwait(false);
                var notes = await context.Notes.Where(n => n.IncidentId == id).OrderBy(n => n.Id).ToListAsync(token).ConfigureAwait(false);
                var notifications = await context.Notifications.Where(n => n.Subject == id).OrderBy(n => n.Sequence).ThenBy(n => n.Receiver).ToListAsync(token).ConfigureAwait(false);
                var members = await context.Incidents.Where(i => i.ParentId == id).OrderBy(i => i.Model).Take(1000)
                    .Select(i => new { i.Id, i.Model, i.State, i.OpenedUnixNano }).ToListAsync(token).ConfigureAwait(false);
                var inhibited = await context.Incidents.Where(i => i.InhibitedById == id).OrderBy(i => i.Id).Select(i => i.Id).Take(100).ToListAsync(token).ConfigureAwait(false);
                var evidence = await context.PinnedEvidence.Where(p => p.IncidentId == id).OrderBy(p => p.TimeUnixNano).ThenBy(p => p.EventId)
                    .Select(p => new { p.EventId, p.Topic, p.Partition, p.Offset, p.TimeUnixNano, p.Sha256, p.Payload.Length }).ToListAsync(token).ConfigureAwait(false);
                return new IncidentDetailView(
                    IncidentView.Of(incident),
                    findings.ConvertAll(f => FindingView.Of(Finding.Parser.ParseFrom(f))),
                    notes.ConvertAll(n => new NoteView(UnixNano.ToIso(n.TimeUnixNano), n.Author, n.Text)),
                    notifications.ConvertAll(n => new NotificationView(n.Id, n.Receiver, n.Transition, n.State.ToString().ToLowerInvariant(), n.Attempts, n.Uncertain, UnixNano.ToIso(n.CreatedUnixNano), n.FinishedUnixNano is { } f ? UnixNano.ToIso(f) : null, n.Detail)),
                    members.ConvertAll(m => new MemberView(m.Id, m.Model, Vocabulary.Of(m.State), UnixNano.ToIso(m.OpenedUnixNano))),
                    inhibited,
                    [],
                    evidence.ConvertAll(e => new EvidenceView(e.EventId, e.Topic, e.Partition, e.Offset, UnixNano.ToIso(e.TimeUnixNano), e.Sha256, e.Length)));
            },
            cancellationToken).ConfigureAwait(false);
        return view is null ? null : view with { Changes = await ChangesAsync(view.Incident, cancellationToken).ConfigureAwait(false) };
    }

    /// <summary>How many incidents are open per model; models without are absent.</summary>
    public async Task<IReadOnlyDictionary<string, int>> OpenByModelAsync(Actor actor, CancellationToken cancellationToken)
    {
        var models = actor.Models.ToList();
        var counts = await database.ReadAsync(
            (context, token) => context.Incidents
                .Where(i => i.OpenKey != null && i.Model != "" && (models.Count == 0 || models.Contains(i.Model)))
                .GroupBy(i => i.Model)
                .Select(g => new { g.Key, Count = g.Count() })
                .ToListAsync(token),
            cancellationToken).ConfigureAwait(false);
        return counts.ToDictionary(c => c.Key, c => c.Count, StringComparer.Ordinal);
    }

    /// <summary>Findings of an incident as they came, newest first, at most 100.</summary>
    public async Task<IReadOnlyList<Finding>> FindingsAsync(string incident, CancellationToken cancellationToken)
    {
        var rows = await database.ReadAsync(
            (context, token) => context.IncidentFindings.Where(f => f.IncidentId == incident).OrderByDescending(f => f.TimeUnixNano).Take(100).Select(f => f.Payload).ToListAsync(token),
            cancellationToken).ConfigureAwait(false);
        return rows.ConvertAll(Finding.Parser.ParseFrom);
    }

    /// <summary>Pinned events of an incident with their payloads, oldest first.</summary>
    public async Task<IReadOnlyList<PinnedEvidence>> PinnedAsync(string incident, int most, CancellationToken cancellationToken) => await database.ReadAsync(
        (context, token) => context.PinnedEvidence.Where(p => p.IncidentId == incident).OrderBy(p => p.TimeUnixNano).ThenBy(p => p.EventId).Take(most).ToListAsync(token),
        cancellationToken).ConfigureAwait(false);

    /// <summary>A pinned event's payload (protobuf <see cref="InferenceEvent"/>); null when there is none.</summary>
    public Task<PinnedEvidence?> EvidenceAsync(string incident, string eventId, CancellationToken cancellationToken) => database.ReadAsync(
        (context, token) => context.PinnedEvidence.FirstOrDefaultAsync(p => p.IncidentId == incident && p.EventId == eventId, token),
        cancellationToken);

    public Task<string?> ModelOfAsync(string incident, CancellationToken cancellationToken) => database.ReadAsync(
        (context, token) => context.Incidents.Where(i => i.Id == incident).Select(i => (string?)i.Model).FirstOrDefaultAsync(token),
        cancellationToken);

    /// <summary>
    /// Measured precision per monitor over the newest 5,000 closed incidents. What closed by itself was judged by nobody and
    /// does not count.
    /// </summary>
    public async Task<IReadOnlyList<PrecisionView>> PrecisionAsync(Actor actor, CancellationToken cancellationToken)
    {
        var models = actor.Models.ToList();
        var rows = await database.ReadAsync(
            (context, token) => context.Incidents
                .Where(i => i.OpenKey == null && !i.IsStorm && (models.Count == 0 || models.Contains(i.Model)))
                .OrderByDescending(i => i.OpenedUnixNano)
                .Take(5000)
                .Select(i => new { i.State, i.Details })
                .ToListAsync(token),
            cancellationToken).ConfigureAwait(false);
        return [.. rows
            .Where(r => r.Details.Timeline is [.., { Actor: not TransitionFacts.Monitoring }])
            .SelectMany(r => r.Details.Monitors.Select(m => (Monitor: m, IsFalse: r.State == IncidentState.FalseAlarm)))
            .GroupBy(m => m.Monitor, StringComparer.Ordinal)
            .OrderBy(g => g.Key, StringComparer.Ordinal)
            .Select(g => new PrecisionView(g.Key, g.Count(), g.Count(m => m.IsFalse), 1 - ((double)g.Count(m => m.IsFalse) / g.Count())))];
    }

    public async Task<IReadOnlyList<SilenceView>> SilencesAsync(long nowUnixNano, CancellationToken cancellationToken)
    {
        var rows = await database.ReadAsync((context, token) => context.Silences.Where(s => s.EndsUnixNano > nowUnixNano).OrderBy(s => s.Id).ToListAsync(token), cancellationToken).ConfigureAwait(false);
        return rows.ConvertAll(s => new SilenceView(s.Id, s.Model, s.Client, s.Family == Family.Unspecified ? "" : Vocabulary.Of(s.Family), UnixNano.ToIso(s.StartsUnixNano), UnixNano.ToIso(s.EndsUnixNano), s.Author, s.Reason));
    }

    public async Task<IReadOnlyList<AuditView>> AuditAsync(string? target, int? limit, CancellationToken cancellationToken)
    {
        var take = Math.Clamp(limit ?? 100, 1, 1000);
        var rows = await database.ReadAsync(
            (context, token) => context.Audit.Where(a => target == null || a.Target == target).OrderByDescending(a => a.Id).Take(take).ToListAsync(token),
            cancellationToken).ConfigureAwait(false);
        return rows.ConvertAll(a => new AuditView(a.Id, UnixNano.ToIso(a.TimeUnixNano), a.Actor, a.Action, a.Target, a.Outcome, a.Detail));
    }

    /// <summary>What was deployed or switched from a day before the start to an hour after it: the first question at three in the morning.</summary>
    private async Task<IReadOnlyList<ChangeView>> ChangesAsync(IncidentView incident, CancellationToken cancellationToken)
    {
        var from = incident.SinceUnixNano - UnixNano.Span(TimeSpan.FromDays(1));
        var to = incident.SinceUnixNano + UnixNano.Span(TimeSpan.FromHours(1));
        var changes = new List<ChangeView>();

        // Every group of monitors marks a new version, under one id.
        var seen = new HashSet<string>(StringComparer.Ordinal);
        try
        {
            var partitions = await log.GetPartitionCountAsync(Topics.Changes, cancellationToken).ConfigureAwait(false);
            for (var partition = 0; partition < partitions; partition++)
            {
                var start = await log.FindOffsetAsync(Topics.Changes, partition, from, cancellationToken).ConfigureAwait(false);
                var end = await log.FindOffsetAsync(Topics.Changes, partition, to, cancellationToken).ConfigureAwait(false);
                await foreach (var entry in log.ReadAsync(Topics.Changes, partition, start, end, cancellationToken).ConfigureAwait(false))
                {
                    if (entry.Value is { } value && Change.Parser.ParseFrom(value.Span) is { } change && (change.Model.Length == 0 || incident.Model.Length == 0 || change.Model == incident.Model) && (change.Id.Length == 0 || seen.Add(change.Id)))
                    {
                        changes.Add(new ChangeView(UnixNano.ToIso(change.TimeUnixNano), change.Model, change.Kind, change.Summary, change.Author, change.Link));
                    }
                }
            }
        }
        catch (Exception e) when (e is EventLogException or Google.Protobuf.InvalidProtocolBufferException)
        {
            // The incident is worth showing without them: the log may be what is broken.
            changes.Add(new ChangeView("", "", "unknown", $"changes could not be read: {e.Message}", "", ""));
        }

        return changes;
    }
}
