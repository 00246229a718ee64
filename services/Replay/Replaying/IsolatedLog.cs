using System.Collections.Concurrent;
using Monitoring.EventLog;

namespace Monitoring.Replay.Replaying;

/// <summary>
/// The log of one group in an isolated run: it reads a range of one topic, everything that it writes stays in memory, and nothing it does reaches live state, findings or
/// notifications. Its subscription is driven by the <see cref="IsolatedRange"/>.
/// </summary>
/// <param name="source">The log that is replayed; only read.</param>
/// <param name="range">The range, which all groups of the run share.</param>
internal sealed class IsolatedLog(IEventLog source, IsolatedRange range) : IEventLog
{
    private readonly ConcurrentDictionary<string, List<LogRecord>> _written = new(StringComparer.Ordinal);

    /// <summary>What was appended to a topic, in order.</summary>
    public IReadOnlyList<LogRecord> Written(string topic)
    {
        if (!_written.TryGetValue(topic, out var records))
        {
            return [];
        }

        lock (records)
        {
            return [.. records];
        }
    }

    public ValueTask EnsureTopicAsync(TopicDefinition definition, CancellationToken cancellationToken = default) => ValueTask.CompletedTask;

    public ValueTask<int> GetPartitionCountAsync(string topic, CancellationToken cancellationToken = default) => source.GetPartitionCountAsync(topic, cancellationToken);

    public async ValueTask<LogPosition> AppendAsync(string topic, LogRecord record, CancellationToken cancellationToken = default) => (await AppendAsync(topic, [record], cancellationToken).ConfigureAwait(false))[0];

    public ValueTask<IReadOnlyList<LogPosition>> AppendAsync(string topic, IReadOnlyList<LogRecord> records, CancellationToken cancellationToken = default)
    {
        var list = _written.GetOrAdd(topic, _ => []);
        lock (list)
        {
            var first = list.Count;
            list.AddRange(records.Select(r => r with { Value = r.Value is { } value ? (ReadOnlyMemory<byte>?)value.ToArray() : null }));
            return ValueTask.FromResult<IReadOnlyList<LogPosition>>([.. records.Select((r, i) => new LogPosition(r.Partition ?? 0, first + i))]);
        }
    }

    public ValueTask<OffsetRange> GetOffsetsAsync(string topic, int partition, CancellationToken cancellationToken = default) =>
        ValueTask.FromResult(topic == range.Topic ? range.Of(partition) : new OffsetRange(0, 0));

    public ValueTask<long> FindOffsetAsync(string topic, int partition, long timeUnixNano, CancellationToken cancellationToken = default) =>
        topic == range.Topic ? source.FindOffsetAsync(topic, partition, timeUnixNano, cancellationToken) : ValueTask.FromResult(0L);

    public IAsyncEnumerable<LogEntry> ReadAsync(string topic, int partition, long from, long to, CancellationToken cancellationToken = default) =>
        topic == range.Topic
            ? source.ReadAsync(topic, partition, Math.Max(from, range.Of(partition).Start), Math.Min(to, range.Of(partition).End), cancellationToken)
            : AsyncEnumerable.Empty<LogEntry>();

    public ValueTask<ISubscription> SubscribeAsync(GroupSubscription subscription, CancellationToken cancellationToken = default) =>
        subscription.Topic == range.Topic
            ? ValueTask.FromResult(range.Join(subscription))
            : throw new InvalidOperationException($"this run replays {range.Topic}, not {subscription.Topic}");

    /// <summary>The source stays open: it belongs to whoever opened it.</summary>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
