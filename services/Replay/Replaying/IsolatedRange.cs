using Monitoring.EventLog;

namespace Monitoring.Replay.Replaying;

/// <summary>
/// A range of one topic that isolated groups are driven through once, every partition from its start. Records are read and unpacked once for all groups, the next batch while
/// the last one is worked on; groups side by side, and as many partitions as there are processors.
/// </summary>
/// <param name="source">The log; only read.</param>
/// <param name="topic">What is read.</param>
/// <param name="ranges">Offsets of each partition.</param>
internal sealed class IsolatedRange(IEventLog source, string topic, IReadOnlyList<OffsetRange> ranges)
{
    /// <summary>Records read at once; a batch is worked on while the next one is read.</summary>
    private const int MaxBatch = 4096;

    private readonly List<GroupSubscription> _groups = [];
    private readonly Lock _gate = new();
    private Task _run = Task.CompletedTask;
    private long _events;
    private (long First, long Last)? _times;

    public string Topic => topic;

    /// <summary>Events handed over so far, counted once per group.</summary>
    public long Events => Interlocked.Read(ref _events);

    /// <summary>Time from the first record to the last as they were recorded; zero for fewer than two.</summary>
    public TimeSpan Recorded => _times is { } times ? TimeSpan.FromTicks((times.Last - times.First) / 100) : TimeSpan.Zero;

    /// <summary>Told <see cref="Events"/> after every batch.</summary>
    public Action<long>? Progress { get; init; }

    public OffsetRange Of(int partition) => ranges[partition];

    /// <summary>A further group, before the run.</summary>
    public ISubscription Join(GroupSubscription subscription)
    {
        _groups.Add(subscription);
        return new Member(this);
    }

    /// <summary>Drives the groups that have joined through the range.</summary>
    public Task RunAsync(CancellationToken cancellationToken) =>
        _run = Parallel.ForEachAsync(
            // The largest first, so that no core waits for it alone at the end.
            Enumerable.Range(0, ranges.Count).OrderByDescending(p => ranges[p].End - ranges[p].Start),
            new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount, CancellationToken = cancellationToken },
            DriveAsync);

    private async ValueTask DriveAsync(int partition, CancellationToken cancellationToken)
    {
        var processors = _groups.ConvertAll(g => g.CreateProcessor(new Assignment(g.Group, topic, partition, ranges.Count)));
        try
        {
            foreach (var processor in processors)
            {
                // Without a checkpoint every group begins where the range does.
                await processor.StartAsync(cancellationToken).ConfigureAwait(false);
            }

            var size = _groups.Count == 0 ? 1 : Math.Min(MaxBatch, _groups.Min(g => g.MaxBatch));
            await using var entries = source.ReadAsync(topic, partition, ranges[partition].Start, ranges[partition].End, cancellationToken).GetAsyncEnumerator(cancellationToken);
            var batch = await ReadAsync(entries, size).ConfigureAwait(false);
            while (batch.Count > 0)
            {
                Date(batch[0].TimeUnixNano, batch[^1].TimeUnixNano);
                var next = Task.Run(() => ReadAsync(entries, size), cancellationToken);
                try
                {
                    await Task.WhenAll(processors.Select(p => Task.Run(() => p.ProcessAsync(batch, cancellationToken).AsTask(), cancellationToken))).ConfigureAwait(false);
                }
                finally
                {
                    await ((Task)next).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                }

                var done = Interlocked.Add(ref _events, (long)batch.Count * processors.Count);
                Progress?.Invoke(done);
                batch = await next.ConfigureAwait(false);
            }
        }
        finally
        {
            foreach (var processor in processors)
            {
                // Lost, not stopped: no checkpoint of a run that nobody will continue.
                await processor.StopAsync(lost: true, CancellationToken.None).ConfigureAwait(false);
            }
        }
    }

    private static async Task<List<LogEntry>> ReadAsync(IAsyncEnumerator<LogEntry> entries, int size)
    {
        var batch = new List<LogEntry>(size);
        while (batch.Count < size && await entries.MoveNextAsync().ConfigureAwait(false))
        {
            batch.Add(entries.Current);
        }

        return batch;
    }

    private void Date(long first, long last)
    {
        lock (_gate)
        {
            _times = _times is { } times ? (Math.Min(times.First, first), Math.Max(times.Last, last)) : (first, last);
        }
    }

    private sealed class Member(IsolatedRange range) : ISubscription
    {
        public Task Completion => range._run;

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
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
