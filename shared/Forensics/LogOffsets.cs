using Monitoring.EventLog;

namespace Monitoring.Forensics;

/// <summary>Ranges of log time as offsets.</summary>
public static class LogOffsets
{
    /// <summary>Offsets of a partition whose log time lies in a range, from inclusive, to exclusive; nanoseconds since the epoch, 0 and <see cref="long.MaxValue"/> for no bound.</summary>
    public static async ValueTask<(long From, long To)> InAsync(IEventLog log, string topic, int partition, long fromTime, long toTime, CancellationToken cancellationToken)
    {
        var offsets = await log.GetOffsetsAsync(topic, partition, cancellationToken).ConfigureAwait(false);
        var from = fromTime <= 0 ? offsets.Start : await log.FindOffsetAsync(topic, partition, fromTime, cancellationToken).ConfigureAwait(false);
        var to = toTime == long.MaxValue ? offsets.End : await log.FindOffsetAsync(topic, partition, toTime, cancellationToken).ConfigureAwait(false);
        return (Math.Max(from, offsets.Start), Math.Max(from, to));
    }
}
