using System.Collections.Concurrent;

namespace Monitoring.EventLog.Compliance;

/// <summary>A member of a group whose processors note what they get.</summary>
public sealed class RecordingMember : IAsyncDisposable
{
    private ISubscription? _subscription;

    public bool Commits { get; init; } = true;

    public Func<PartitionAssignment, CancellationToken, ValueTask<long?>> OnStart { get; init; } = (_, _) => ValueTask.FromResult<long?>(null);

    public Func<RecordingProcessor, IReadOnlyList<LogEntry>, ValueTask> OnBatch { get; init; } = (_, _) => ValueTask.CompletedTask;

    public ConcurrentQueue<RecordingProcessor> Processors { get; } = new();

    public ConcurrentQueue<LogEntry> All { get; } = new();

    public ISubscription Subscription => _subscription ?? throw new InvalidOperationException("not joined");

    public int[] Running => [.. Processors.Where(p => p.Started && p.StoppedLost is null).Select(p => p.Assignment.Partition).Order()];

    public IReadOnlyList<string> Values => [.. All.Select(e => LogHarness.Text(e.Value))];

    public async Task<RecordingMember> JoinAsync(IEventLog log, string group, string topic, int maxBatch = 1024)
    {
        _subscription = await log.SubscribeAsync(new GroupSubscription(group, topic, Create, maxBatch));
        return this;
    }

    public async ValueTask DisposeAsync()
    {
        if (_subscription is not null)
        {
            await _subscription.DisposeAsync();
        }
    }

    private RecordingProcessor Create(PartitionAssignment assignment)
    {
        var processor = new RecordingProcessor(assignment, this);
        Processors.Enqueue(processor);
        return processor;
    }
}
