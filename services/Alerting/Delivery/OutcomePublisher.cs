using System.Text;
using Google.Protobuf;
using Microsoft.EntityFrameworkCore;
using Monitoring.Contracts;
using Monitoring.EventLog;
using Monitoring.Storage;

namespace Monitoring.Alerting.Delivery;

/// <summary>Appends what became of messages to <c>monitoring.notifications</c>, at least once, in the order they were finished.</summary>
internal sealed class OutcomePublisher(MonitoringDatabase database, IEventLog log, TimeProvider time)
{
    private const int MaxBatch = 256;
    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(250);

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            if (await PublishAsync(cancellationToken).ConfigureAwait(false) < MaxBatch)
            {
                await Task.Delay(s_interval, time, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private async Task<int> PublishAsync(CancellationToken cancellationToken)
    {
        var rows = await database.ReadAsync(
            (context, token) => context.Notifications
                .Where(n => !n.Published && (n.State == NotificationState.Delivered || n.State == NotificationState.Failed || n.State == NotificationState.Suppressed))
                .OrderBy(n => n.FinishedUnixNano)
                .ThenBy(n => n.Id)
                .Take(MaxBatch)
                .ToListAsync(token),
            cancellationToken).ConfigureAwait(false);
        if (rows.Count == 0)
        {
            return 0;
        }

        await log.AppendAsync(Topics.Notifications, [.. rows.Select(Record)], cancellationToken).ConfigureAwait(false);
        var ids = rows.ConvertAll(r => r.Id);
        await database.WriteAsync(
            (context, token) => context.Notifications.Where(n => ids.Contains(n.Id)).ExecuteUpdateAsync(set => set.SetProperty(n => n.Published, true), token),
            cancellationToken).ConfigureAwait(false);
        return rows.Count;
    }

    private static LogRecord Record(OutboxNotification row)
    {
        var finished = row.FinishedUnixNano ?? row.CreatedUnixNano;
        var notification = new Notification
        {
            Id = row.Id,
            TimeUnixNano = finished,
            Incident = row.Subject,
            Transition = row.Transition,
            Receiver = row.Receiver,
            Outcome = row.State switch
            {
                NotificationState.Delivered => row.Uncertain ? "uncertain" : "delivered",
                NotificationState.Failed => "failed",
                _ => "suppressed",
            },
            Attempt = row.Attempts,
            Detail = row.Detail,
            FindingId = row.FindingId,
        };
        return new LogRecord(
            Encoding.UTF8.GetBytes(row.Subject),
            notification.ToByteArray(),
            [
                Header(Headers.SpecVersion, "1.0"),
                Header(Headers.Id, row.Id),
                Header(Headers.Source, "monitoring/alerting"),
                Header(Headers.Type, EventTypes.Notification),
                Header(Headers.Time, UnixNano.ToIso(finished)),
                Header(Headers.Subject, row.Subject),
                Header(Headers.ContentType, "application/protobuf"),
            ]);
    }

    private static LogHeader Header(string name, string value) => new(name, Encoding.UTF8.GetBytes(value));
}
