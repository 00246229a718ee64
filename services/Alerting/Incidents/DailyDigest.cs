using System.Globalization;
using Microsoft.EntityFrameworkCore;
using Monitoring.Alerting.Pipeline;
using Monitoring.Contracts;
using Monitoring.Storage;

namespace Monitoring.Alerting.Incidents;

/// <summary>
/// Once a day, per receiver, one message with what changed without harm, and harm that was found too late to page. An
/// incident is listed once.
/// </summary>
internal sealed class DailyDigest(MonitoringDatabase database, AlertingSettings settings, Outbox outbox, SealedRoots roots, AlertingMetrics metrics, OutboxSignal signal, TimeProvider time)
{
    private const string Consumer = "alerting.digest";
    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(20);

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            await SendIfDueAsync(cancellationToken).ConfigureAwait(false);
            await Task.Delay(s_interval, time, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Writes the day's digests when their hour has come and they are not written yet. Returns the number of messages.</summary>
    public async Task<int> SendIfDueAsync(CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        // Days since the epoch of the newest digest hour that has passed.
        var day = (long)Math.Floor(((now - DateTimeOffset.UnixEpoch) - settings.Configuration.Alerting.DigestAt).TotalDays);
        var rows = await database.WriteAsync((context, token) => WriteAsync(context, day, UnixNano.Of(now), token), cancellationToken).ConfigureAwait(false);
        foreach (var row in rows)
        {
            metrics.Created(row.Receiver);
        }

        if (rows.Count > 0)
        {
            signal.Set();
        }

        return rows.Count;
    }

    private async Task<IReadOnlyList<OutboxNotification>> WriteAsync(MonitoringDbContext context, long day, long now, CancellationToken cancellationToken)
    {
        var mark = await context.HighWaterMarks.FirstOrDefaultAsync(m => m.Consumer == Consumer, cancellationToken).ConfigureAwait(false);
        if (mark is null)
        {
            // A first start in the afternoon does not send this morning's digest.
            context.HighWaterMarks.Add(new HighWaterMark { Consumer = Consumer, Topic = "", Partition = 0, SourceGroup = "", SourceTopic = "", SourcePartition = 0, Offset = day, Ordinal = 0 });
            return [];
        }

        if (mark.Offset >= day)
        {
            return [];
        }

        mark.Offset = day;
        var incidents = await context.Incidents
            .Where(i => i.DigestedUnixNano == null && i.ParentId == null
                && (i.Severity == Severity.Change || (i.Severity == Severity.Harm && i.Suppression == MuteStage.Stale)))
            .OrderByDescending(i => i.Severity).ThenBy(i => i.OpenedUnixNano).ThenBy(i => i.Id)
            .Take(1000)
            .ToListAsync(cancellationToken).ConfigureAwait(false);
        var name = "digest-" + DateTimeOffset.UnixEpoch.AddDays(day).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
        var rows = new List<OutboxNotification>();
        foreach (var receiver in settings.Configuration.Receivers)
        {
            var lines = incidents.Where(i => outbox.InDigestOf(receiver.Name, i)).Select(i => $"{(i.Severity == Severity.Harm ? "harm, found late: " : "")}{i.Sentence}").ToList();
            if (lines.Count == 0)
            {
                continue;
            }

            rows.Add(new OutboxNotification
            {
                Id = StableId.Notification(name, "digest", receiver.Name),
                Subject = name,
                Sequence = 1,
                Transition = "digest",
                Receiver = receiver.Name,
                State = NotificationState.Pending,
                Message = Message(name, lines, now, roots.Newest()).ToJson(),
                CreatedUnixNano = now,
                NextAttemptUnixNano = now,
            });
        }

        incidents.ForEach(i => i.DigestedUnixNano = now);
        context.Notifications.AddRange(rows);
        return rows;
    }

    private static IncidentMessage Message(string name, List<string> lines, long now, SealedRoot? root) => new()
    {
        Incident = name,
        Sequence = 1,
        Transition = "digest",
        State = "open",
        Severity = "change",
        Family = "unspecified",
        Sentence = lines.Count == 1 ? "One thing changed since yesterday's digest." : string.Create(CultureInfo.InvariantCulture, $"{lines.Count} things changed since yesterday's digest."),
        TimeUnixNano = now,
        SealedRoot = root,
        Lines = [.. lines.Take(20)],
        MoreLines = Math.Max(0, lines.Count - 20),
    };
}
