using System.Runtime.CompilerServices;
using Monitoring.EventLog;

namespace Monitoring.Replay.Tests;

/// <summary>Lists in memory behind <see cref="IEventLog"/>, so that tests can also change what a real log would not let them change.</summary>
internal sealed class MemoryLog : IEventLog
{
    private readonly Dictionary<string, List<LogEntry>[]> _topics = new(StringComparer.Ordinal);

    /// <summary>Log time of the next append, and how far it moves per record.</summary>
    public long Now { get; set; } = 1_700_000_000_000_000_000;

    public List<LogEntry> Partition(string topic, int partition) =>
        _topics.TryGetValue(topic, out var partitions) ? partitions[partition] : throw new UnknownTopicException($"no topic '{topic}'");

    public ValueTask EnsureTopicAsync(TopicDefinition definition, CancellationToken cancellationToken = default)
    {
        _topics.TryAdd(definition.Name, [.. Enumerable.Range(0, definition.Partitions).Select(_ => new List<LogEntry>())]);
        return ValueTask.CompletedTask;
    }

    public ValueTask<int> GetPartitionCountAsync(string topic, CancellationToken cancellationToken = default) =>
        _topics.TryGetValue(topic, out var partitions) ? ValueTask.FromResult(partitions.Length) : throw new UnknownTopicException($"no topic '{topic}'");

    public ValueTask<LogPosition> AppendAsync(string topic, LogRecord record, CancellationToken cancellationToken = default)
    {
        var number = record.Partition ?? 0;
        var partition = Partition(topic, number);
        var offset = partition.Count == 0 ? 0 : partition[^1].Offset + 1;
        partition.Add(new LogEntry(topic, number, offset, Now += 1_000_000, record.Key, record.Value is { } value ? (ReadOnlyMemory<byte>?)value.ToArray() : null, record.Headers));
        return ValueTask.FromResult(new LogPosition(number, offset));
    }

    public async ValueTask<IReadOnlyList<LogPosition>> AppendAsync(string topic, IReadOnlyList<LogRecord> records, CancellationToken cancellationToken = default)
    {
        var positions = new List<LogPosition>();
        foreach (var record in records)
        {
            positions.Add(await AppendAsync(topic, record, cancellationToken));
        }

        return positions;
    }

    public ValueTask<OffsetRange> GetOffsetsAsync(string topic, int partition, CancellationToken cancellationToken = default)
    {
        var records = Partition(topic, partition);
        return ValueTask.FromResult(records.Count == 0 ? new OffsetRange(0, 0) : new OffsetRange(records[0].Offset, records[^1].Offset + 1));
    }

    public ValueTask<long> FindOffsetAsync(string topic, int partition, long timeUnixNano, CancellationToken cancellationToken = default)
    {
        var records = Partition(topic, partition);
        var found = records.FindIndex(r => r.TimeUnixNano >= timeUnixNano);
        return ValueTask.FromResult(found >= 0 ? records[found].Offset : records.Count == 0 ? 0 : records[^1].Offset + 1);
    }

    public async IAsyncEnumerable<LogEntry> ReadAsync(string topic, int partition, long from, long to, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await Task.CompletedTask;
        foreach (var record in Partition(topic, partition).Where(r => r.Offset >= from && r.Offset < to).ToList())
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return record;
        }
    }

    public ValueTask<ISubscription> SubscribeAsync(GroupSubscription subscription, CancellationToken cancellationToken = default) =>
        throw new InvalidOperationException("this log has no groups; drive the processor yourself");

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
