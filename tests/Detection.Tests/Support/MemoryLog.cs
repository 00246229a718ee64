using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using Monitoring.EventLog;

namespace Monitoring.Detection.Tests.Support;

/// <summary>
/// A log in memory that can die in the middle of any append: what was appended before stays, the rest never was. Compacted topics keep the
/// newest record of a key only, at once — the hardest log a checkpoint can meet.
/// </summary>
internal sealed class MemoryLog : IEventLog
{
    private readonly Dictionary<string, Topic> _topics = new(StringComparer.Ordinal);

    /// <summary>Records that may still be appended before an append throws; null: no limit.</summary>
    public int? AppendsLeft { get; set; }

    /// <summary>Sees every record before it is appended; true makes the append die there.</summary>
    public Func<string, LogRecord, bool>? DieAt { get; set; }

    public ValueTask EnsureTopicAsync(TopicDefinition definition, CancellationToken cancellationToken = default)
    {
        if (_topics.TryGetValue(definition.Name, out var topic))
        {
            if (topic.Partitions.Length != definition.Partitions)
            {
                throw new TopicMismatchException($"{definition.Name} has {topic.Partitions.Length} partitions, not {definition.Partitions}");
            }
        }
        else
        {
            _topics.Add(definition.Name, new Topic(definition));
        }

        return ValueTask.CompletedTask;
    }

    public ValueTask<int> GetPartitionCountAsync(string topic, CancellationToken cancellationToken = default) => ValueTask.FromResult(Find(topic).Partitions.Length);

    public async ValueTask<LogPosition> AppendAsync(string topic, LogRecord record, CancellationToken cancellationToken = default) =>
        (await AppendAsync(topic, [record], cancellationToken))[0];

    public ValueTask<IReadOnlyList<LogPosition>> AppendAsync(string topic, IReadOnlyList<LogRecord> records, CancellationToken cancellationToken = default)
    {
        var positions = new List<LogPosition>();
        foreach (var record in records)
        {
            if (AppendsLeft is { } left)
            {
                if (left == 0)
                {
                    throw new KilledException();
                }

                AppendsLeft = left - 1;
            }

            if (DieAt?.Invoke(topic, record) == true)
            {
                throw new KilledException();
            }

            // As the contract allows, the caller writes its next records into the same memory.
            positions.Add(Find(topic).Append(record with { Value = record.Value is { } value ? (ReadOnlyMemory<byte>?)value.ToArray() : null }));
        }

        return ValueTask.FromResult<IReadOnlyList<LogPosition>>(positions);
    }

    public ValueTask<OffsetRange> GetOffsetsAsync(string topic, int partition, CancellationToken cancellationToken = default) =>
        ValueTask.FromResult(new OffsetRange(Find(topic).Partitions[partition].Start, Find(topic).Partitions[partition].End));

    public ValueTask<long> FindOffsetAsync(string topic, int partition, long timeUnixNano, CancellationToken cancellationToken = default) =>
        ValueTask.FromResult(Find(topic).Partitions[partition].Entries.Where(e => e.TimeUnixNano >= timeUnixNano).Select(e => e.Offset).DefaultIfEmpty(Find(topic).Partitions[partition].End).First());

    public async IAsyncEnumerable<LogEntry> ReadAsync(string topic, int partition, long from, long to, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await Task.CompletedTask;
        foreach (var entry in Find(topic).Partitions[partition].Entries.Where(e => e.Offset >= from && e.Offset < to).ToList())
        {
            yield return entry;
        }
    }

    public ValueTask<ISubscription> SubscribeAsync(GroupSubscription subscription, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException("tests drive processors themselves");

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>Retention: removes everything before the offset.</summary>
    public void Retire(string topic, int partition, long before)
    {
        var kept = Find(topic).Partitions[partition];
        kept.Entries.RemoveAll(e => e.Offset < before);
        kept.Start = before;
    }

    /// <summary>The newest records of a partition.</summary>
    public IReadOnlyList<LogEntry> Entries(string topic, int partition = 0) => Find(topic).Partitions[partition].Entries;

    private Topic Find(string topic) => _topics.TryGetValue(topic, out var found) ? found : throw new UnknownTopicException(topic);

    private sealed class Topic(TopicDefinition definition)
    {
        public Partition[] Partitions { get; } = [.. Enumerable.Range(0, definition.Partitions).Select(_ => new Partition())];

        public LogPosition Append(LogRecord record)
        {
            var number = record.Partition ?? 0;
            var partition = Partitions[number];
            var time = record.Headers.FirstOrDefault(h => h.Name == Contracts.Headers.LogTime);
            var nano = time.Name is null ? partition.End : long.Parse(Encoding.UTF8.GetString(time.Value.Span), CultureInfo.InvariantCulture);
            if (definition.Compacted)
            {
                partition.Entries.RemoveAll(e => e.Key.Span.SequenceEqual(record.Key.Span));
            }

            if (record.Value is not null || !definition.Compacted)
            {
                partition.Entries.Add(new LogEntry(definition.Name, number, partition.End, nano, record.Key, record.Value, record.Headers));
            }

            return new LogPosition(number, partition.End++);
        }
    }

    private sealed class Partition
    {
        public List<LogEntry> Entries { get; } = [];

        public long Start { get; set; }

        public long End { get; set; }
    }
}
