using System.Globalization;
using Microsoft.EntityFrameworkCore;
using Monitoring.Hosting.Configuration;
using Monitoring.Storage;

namespace Monitoring.Alerting.Incidents;

/// <summary>
/// Removes from the database what is over and old, a bounded number of rows a transaction. Open and held incidents, members of held ones, and whatever belongs to them stay
/// (<c>storage.retention</c>). Every removal is counted and, in the same transaction, audited.
/// </summary>
internal sealed class DatabaseRetention(MonitoringDatabase database, AlertingSettings settings, AlertingMetrics metrics, TimeProvider time)
{
    private const int Batch = 500;
    private static readonly TimeSpan s_interval = TimeSpan.FromHours(1);

    private DatabaseRetentionConfiguration Ages => settings.Configuration.Storage.Retention;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            await RemoveAsync(cancellationToken).ConfigureAwait(false);
            await Task.Delay(s_interval, time, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Removes all that is due now.</summary>
    public async Task RemoveAsync(CancellationToken cancellationToken)
    {
        var now = UnixNano.Now(time);
        await RepeatAsync("incidents", Ages.Incidents, (c, limit, token) => IncidentsAsync(c, limit, token), now, cancellationToken).ConfigureAwait(false);
        await RepeatAsync("evidence", Ages.Evidence, EvidenceAsync, now, cancellationToken).ConfigureAwait(false);
        await RepeatAsync("notifications", Ages.Notifications, NotificationsAsync, now, cancellationToken).ConfigureAwait(false);
        await RepeatAsync("silences", Ages.Incidents, SilencesAsync, now, cancellationToken).ConfigureAwait(false);
        await RepeatAsync("audit", Ages.Audit, AuditAsync, now, cancellationToken).ConfigureAwait(false);
    }

    private async Task RepeatAsync(string kind, TimeSpan age, Func<MonitoringDbContext, long, CancellationToken, Task<int>> remove, long now, CancellationToken cancellationToken)
    {
        var limit = now - UnixNano.Span(age);
        int removed;
        do
        {
            removed = await database.WriteAsync(
                async (context, token) =>
                {
                    var rows = await remove(context, limit, token).ConfigureAwait(false);
                    if (rows > 0)
                    {
                        context.Audit.Add(new AuditEntry
                        {
                            TimeUnixNano = now,
                            Actor = TransitionFacts.Monitoring,
                            Action = "retention.remove",
                            Target = kind,
                            Outcome = "done",
                            Detail = string.Create(CultureInfo.InvariantCulture, $"{rows} older than {Duration.Format(age)}"),
                        });
                    }

                    return rows;
                },
                cancellationToken).ConfigureAwait(false);
            metrics.Retired(kind, removed);
        }
        while (removed == Batch);
    }

    /// <summary>A storm stays while a member does, an attack while an open incident points at it, a member while its storm is held.</summary>
    private static async Task<int> IncidentsAsync(MonitoringDbContext context, long limit, CancellationToken cancellationToken)
    {
        var ids = await context.Incidents
            .Where(i => i.OpenKey == null && !i.Held && i.ClosedUnixNano != null && i.ClosedUnixNano < limit
                && !context.Incidents.Any(o => o.ParentId == i.Id || (o.InhibitedById == i.Id && o.OpenKey != null) || (o.Id == i.ParentId && o.Held))
                && !context.Notifications.Any(n => n.Subject == i.Id && !n.Published)
                && !context.PendingRearms.Any(r => r.IncidentId == i.Id))
            .OrderBy(i => i.ClosedUnixNano).ThenBy(i => i.Id)
            .Select(i => i.Id)
            .Take(Batch)
            .ToListAsync(cancellationToken).ConfigureAwait(false);
        if (ids.Count == 0)
        {
            return 0;
        }

        await context.PinnedEvidence.Where(p => ids.Contains(p.IncidentId)).ExecuteDeleteAsync(cancellationToken).ConfigureAwait(false);
        await context.IncidentFindings.Where(f => ids.Contains(f.IncidentId)).ExecuteDeleteAsync(cancellationToken).ConfigureAwait(false);
        await context.Notes.Where(n => ids.Contains(n.IncidentId)).ExecuteDeleteAsync(cancellationToken).ConfigureAwait(false);
        await context.Notifications.Where(n => ids.Contains(n.Subject)).ExecuteDeleteAsync(cancellationToken).ConfigureAwait(false);
        await context.Incidents.Where(i => ids.Contains(i.Id)).ExecuteDeleteAsync(cancellationToken).ConfigureAwait(false);
        return ids.Count;
    }

    private static async Task<int> EvidenceAsync(MonitoringDbContext context, long limit, CancellationToken cancellationToken)
    {
        var keys = await context.PinnedEvidence
            .Where(p => context.Incidents.Any(i => i.Id == p.IncidentId && i.OpenKey == null && !i.Held && i.ClosedUnixNano < limit && !context.Incidents.Any(o => o.Id == i.ParentId && o.Held)))
            .OrderBy(p => p.IncidentId).ThenBy(p => p.EventId)
            .Select(p => new { p.IncidentId, p.EventId })
            .Take(Batch)
            .ToListAsync(cancellationToken).ConfigureAwait(false);
        foreach (var incident in keys.GroupBy(k => k.IncidentId, StringComparer.Ordinal))
        {
            var events = incident.Select(k => k.EventId).ToList();
            await context.PinnedEvidence.Where(p => p.IncidentId == incident.Key && events.Contains(p.EventId)).ExecuteDeleteAsync(cancellationToken).ConfigureAwait(false);
        }

        return keys.Count;
    }

    /// <summary>Of open incidents none: who was told of the opening is told of the end.</summary>
    private static async Task<int> NotificationsAsync(MonitoringDbContext context, long limit, CancellationToken cancellationToken)
    {
        var ids = await context.Notifications
            .Where(n => n.Published && n.FinishedUnixNano != null && n.FinishedUnixNano < limit && !context.Incidents.Any(i => i.Id == n.Subject && (i.OpenKey != null || i.Held)))
            .OrderBy(n => n.FinishedUnixNano).ThenBy(n => n.Id)
            .Select(n => n.Id)
            .Take(Batch)
            .ToListAsync(cancellationToken).ConfigureAwait(false);
        return ids.Count == 0 ? 0 : await context.Notifications.Where(n => ids.Contains(n.Id)).ExecuteDeleteAsync(cancellationToken).ConfigureAwait(false);
    }

    private static async Task<int> SilencesAsync(MonitoringDbContext context, long limit, CancellationToken cancellationToken)
    {
        var ids = await context.Silences.Where(s => s.EndsUnixNano < limit).OrderBy(s => s.Id).Select(s => s.Id).Take(Batch).ToListAsync(cancellationToken).ConfigureAwait(false);
        return ids.Count == 0 ? 0 : await context.Silences.Where(s => ids.Contains(s.Id)).ExecuteDeleteAsync(cancellationToken).ConfigureAwait(false);
    }

    private static async Task<int> AuditAsync(MonitoringDbContext context, long limit, CancellationToken cancellationToken)
    {
        var ids = await context.Audit
            .Where(a => a.TimeUnixNano < limit && !context.Incidents.Any(i => (i.OpenKey != null || i.Held) && (a.Target == i.Id || a.Target.StartsWith(i.Id + "/"))))
            .OrderBy(a => a.Id)
            .Select(a => a.Id)
            .Take(Batch)
            .ToListAsync(cancellationToken).ConfigureAwait(false);
        return ids.Count == 0 ? 0 : await context.Audit.Where(a => ids.Contains(a.Id)).ExecuteDeleteAsync(cancellationToken).ConfigureAwait(false);
    }
}
