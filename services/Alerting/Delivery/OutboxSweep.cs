using Microsoft.EntityFrameworkCore;
using Monitoring.Storage;

namespace Monitoring.Alerting.Delivery;

/// <summary>
/// Finds due rows and hands their ids to the bus: right after a commit (by the signal), and every quarter second anyway, so that a
/// crash between commit and send loses nothing. Each receiver has its own share: a dead one's backlog hides nobody's row.
/// </summary>
internal sealed class OutboxSweep(
    MonitoringDatabase database,
    ReceiverLanes lanes,
    NotificationBus bus,
    DeliveryWorker worker,
    OutboxSignal signal,
    TimeProvider time)
{
    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan s_clockStep = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan s_slowInterval = TimeSpan.FromSeconds(5);

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var slow = time.GetTimestamp();
        var (wall, steady) = (UnixNano.Now(time), time.GetTimestamp());
        await CountAsync(cancellationToken).ConfigureAwait(false);
        while (!cancellationToken.IsCancellationRequested)
        {
            // What was due soon by a clock that has been set back since would be due in hours.
            if (UnixNano.Now(time) < wall + UnixNano.Span(time.GetElapsedTime(steady) - s_clockStep))
            {
                await worker.AdvanceAsync(cancellationToken).ConfigureAwait(false);
            }

            (wall, steady) = (UnixNano.Now(time), time.GetTimestamp());
            foreach (var lane in lanes.All)
            {
                await SweepAsync(lane, cancellationToken).ConfigureAwait(false);
            }

            if (time.GetElapsedTime(slow) > s_slowInterval)
            {
                slow = time.GetTimestamp();
                await worker.RecoverAsync(atStart: false, cancellationToken).ConfigureAwait(false);
                await CountAsync(cancellationToken).ConfigureAwait(false);
            }

            await signal.WaitAsync(s_interval, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task SweepAsync(ReceiverLane lane, CancellationToken cancellationToken)
    {
        // With the circuit open one row a second is enough to probe: working off the others would only write that they wait.
        if (!lane.IsOpen && lane.Outstanding.Count > ReceiverLane.MaxOutstanding / 2)
        {
            // Every finished message asks for a sweep, and a sweep reads past all that are on their way: with a backlog one for many, not one for each.
            return;
        }

        var room = (lane.IsOpen ? 1 : ReceiverLane.MaxOutstanding) - lane.Outstanding.Count;
        if (room <= 0 || (lane.IsOpen && !lane.TryProbe()))
        {
            return;
        }

        var now = UnixNano.Now(time);
        var ids = await database.ReadAsync(
            (context, token) => context.Notifications
                .Where(n => n.Receiver == lane.Name && n.State == NotificationState.Pending && n.NextAttemptUnixNano <= now)
                .Where(n => !context.Notifications.Any(e => e.Subject == n.Subject && e.Receiver == n.Receiver && e.Sequence < n.Sequence
                    && (e.State == NotificationState.Pending || e.State == NotificationState.Sending)))
                .OrderBy(n => n.NextAttemptUnixNano)
                .ThenBy(n => n.Id)
                .Select(n => n.Id)
                .Take(room + lane.Outstanding.Count)
                .ToListAsync(token),
            cancellationToken).ConfigureAwait(false);
        foreach (var id in ids)
        {
            if (room == 0)
            {
                return;
            }

            if (lane.Outstanding.TryAdd(id, true))
            {
                room--;
                await bus.SendAsync(lane, id, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private async Task CountAsync(CancellationToken cancellationToken)
    {
        var depths = await database.ReadAsync(
            (context, token) => context.Notifications
                .Where(n => n.State == NotificationState.Pending || n.State == NotificationState.Sending)
                .GroupBy(n => n.Receiver)
                .Select(g => new { g.Key, Count = g.LongCount() })
                .ToDictionaryAsync(g => g.Key, g => g.Count, token),
            cancellationToken).ConfigureAwait(false);
        foreach (var lane in lanes.All)
        {
            lane.Depth = depths.GetValueOrDefault(lane.Name);
        }

        lanes.ReleaseEmpty();
    }
}
