using System.Collections.Concurrent;
using Monitoring.EventLog;

namespace Monitoring.Replay.Replaying;

/// <summary>
/// A log for one isolated run: a range of one topic is read from the source, everything that is written stays in memory. A group that joins
/// is driven through the range once, every partition from its start, and nothing it does reaches live state, findings or notifications.
/// </summary>
internal sealed class IsolatedLog(IEventLog source, string inputTopic, IReadOnlyList<OffsetRange> ranges) : IEventLog
{
    private readonly ConcurrentDictionary<string, List<LogRecord>> _written = new(StringComparer.Ordinal);
    private readonly IReadOnlyList<OffsetRange> _ranges = ranges;
    private long _events;

    /// <summary>Events handed to groups so far.</summary>
    public long Events => Interlocked.Read(ref _events);

    /// <summary>Told the events handed over, after every batch.</summary>
    public Action<long>? Progress { get; init; }

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
        ValueTask.FromResult(topic == inputTopic ? _ranges[partition] : new OffsetRange(0, 0));

    public ValueTask<long> FindOffsetAsync(string topic, int partition, long timeUnixNano, CancellationToken cancellationToken = default) =>
        topic == inputTopic ? source.FindOffsetAsync(topic, partition, timeUnixNano, cancellationToken) : ValueTask.FromResult(0L);

    public IAsyncEnumerable<LogEntry> ReadAsync(string topic, int partition, long from, long to, CancellationToken cancellationToken = default) =>
        topic == inputTopic
            ? source.ReadAsync(topic, partition, Math.Max(from, _ranges[partition].Start), Math.Min(to, _ranges[partition].End), cancellationToken)
            : AsyncEnumerable.Empty<LogEntry>();

    public ValueTask<ISubscription> SubscribeAsync(GroupSubscription subscription, CancellationToken cancellationToken = default)
    {
        if (subscription.Topic != inputTopic)
        {
            throw new InvalidOperationException($"this run replays {inputTopic}, not {subscription.Topic}");
        }

        return ValueTask.FromResult<ISubscription>(new Run(this, subscription));
    }

    /// <summary>The source stays open: it belongs to whoever opened it.</summary>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private async Task DriveAsync(GroupSubscription subscription, int partition, CancellationToken cancellationToken)
    {
        var processor = subscription.CreateProcessor(new Assignment(subscription.Group, inputTopic, partition, _ranges.Count));
        var from = await processor.StartAsync(cancellationToken).ConfigureAwait(false) ?? _ranges[partition].Start;
        var batch = new List<LogEntry>(subscription.MaxBatch);
        await foreach (var entry in source.ReadAsync(inputTopic, partition, from, _ranges[partition].End, cancellationToken).ConfigureAwait(false))
        {
            batch.Add(entry);
            if (batch.Count == subscription.MaxBatch)
            {
                await ProcessAsync(batch).ConfigureAwait(false);
                batch = new List<LogEntry>(subscription.MaxBatch);
            }
        }

        if (batch.Count > 0)
        {
            await ProcessAsync(batch).ConfigureAwait(false);
        }

        // Lost, not stopped: no checkpoint of a run that nobody will continue.
        await processor.StopAsync(lost: true, cancellationToken).ConfigureAwait(false);

        async Task ProcessAsync(List<LogEntry> entries)
        {
            await processor.ProcessAsync(entries, cancellationToken).ConfigureAwait(false);
            var done = Interlocked.Add(ref _events, entries.Count);
            Progress?.Invoke(done);
        }
    }

    private sealed class Run : ISubscription
    {
        private readonly CancellationTokenSource _stop = new();

        public Run(IsolatedLog log, GroupSubscription subscription) =>
            Completion = Task.WhenAll(Enumerable.Range(0, log._ranges.Count).Select(p => Task.Run(() => log.DriveAsync(subscription, p, _stop.Token))));

        public Task Completion { get; }

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync().ConfigureAwait(false);
            await Completion.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            _stop.Dispose();
        }
    }

    private sealed class Assignment(string group, string topic, int partition, int partitions) : PartitionAssignment
    {
        public override string Group => group;

        public override string Topic => topic;

        public override int Partition => partition;

        public override int PartitionCount => partitions;

        public override long OwnerEpoch => 1;

        public override bool MayWrite => true;

        public override ValueTask CommitAsync(long nextOffset, CancellationToken cancellationToken = default) => ValueTask.CompletedTask;
    }
}
