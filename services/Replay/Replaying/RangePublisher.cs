using System.Globalization;
using System.Text;
using Monitoring.Contracts;
using Monitoring.EventLog;

namespace Monitoring.Replay.Replaying;

/// <summary>Appends a range of a topic to another one, in the order of log time, at a chosen speed. Log times travel in <see cref="Headers.LogTime"/>.</summary>
internal sealed class RangePublisher(IEventLog log, TimeProvider time)
{
    private const int BatchRecords = 256;

    /// <summary>Publishes.</summary>
    /// <param name="from">Source topic.</param>
    /// <param name="into">Target topic; created with as many partitions.</param>
    /// <param name="fromTime">Log time from.</param>
    /// <param name="toTime">Log time to (exclusive).</param>
    /// <param name="factor">How many times faster than it happened; infinite for as fast as the log takes it.</param>
    /// <param name="cancellationToken">Cancels between two records.</param>
    /// <returns>Records appended.</returns>
    public async Task<long> PublishAsync(string from, string into, long fromTime, long toTime, double factor, CancellationToken cancellationToken)
    {
        var partitions = await log.GetPartitionCountAsync(from, cancellationToken).ConfigureAwait(false);
        await log.EnsureTopicAsync(new TopicDefinition(into, partitions), cancellationToken).ConfigureAwait(false);
        var readers = new List<IAsyncEnumerator<LogEntry>>();
        var heads = new PriorityQueue<IAsyncEnumerator<LogEntry>, (long, int)>();
        try
        {
            for (var p = 0; p < partitions; p++)
            {
                var (first, last) = await LogOffsets.InAsync(log, from, p, fromTime, toTime, cancellationToken).ConfigureAwait(false);
                var reader = log.ReadAsync(from, p, first, last, cancellationToken).GetAsyncEnumerator(cancellationToken);
                readers.Add(reader);
                await AdvanceAsync(reader, p).ConfigureAwait(false);
            }

            var batch = new List<LogRecord>();
            var count = 0L;
            long? origin = null;
            var start = time.GetTimestamp();
            while (heads.TryDequeue(out var reader, out _))
            {
                var entry = reader.Current;
                origin ??= entry.TimeUnixNano;
                if (!double.IsPositiveInfinity(factor))
                {
                    var due = TimeSpan.FromTicks((long)((entry.TimeUnixNano - origin.Value) / 100 / factor));
                    var wait = due - time.GetElapsedTime(start);
                    if (wait > TimeSpan.Zero)
                    {
                        await FlushAsync().ConfigureAwait(false);
                        await Task.Delay(wait, time, cancellationToken).ConfigureAwait(false);
                    }
                }

                batch.Add(new LogRecord(
                    entry.Key,
                    entry.Value,
                    [.. entry.Headers.Where(h => h.Name != Headers.LogTime), new LogHeader(Headers.LogTime, Encoding.UTF8.GetBytes(entry.TimeUnixNano.ToString(CultureInfo.InvariantCulture)))],
                    entry.Partition));
                if (batch.Count == BatchRecords)
                {
                    await FlushAsync().ConfigureAwait(false);
                }

                await AdvanceAsync(reader, entry.Partition).ConfigureAwait(false);
            }

            await FlushAsync().ConfigureAwait(false);
            return count;

            async Task FlushAsync()
            {
                if (batch.Count > 0)
                {
                    await log.AppendAsync(into, batch, cancellationToken).ConfigureAwait(false);
                    count += batch.Count;
                    batch = [];
                }
            }
        }
        finally
        {
            foreach (var reader in readers)
            {
                await reader.DisposeAsync().ConfigureAwait(false);
            }
        }

        async Task AdvanceAsync(IAsyncEnumerator<LogEntry> reader, int partition)
        {
            if (await reader.MoveNextAsync().ConfigureAwait(false))
            {
                heads.Enqueue(reader, (reader.Current.TimeUnixNano, partition));
            }
        }
    }
}
