using System.Collections.Concurrent;

namespace Monitoring.EventLog.Tests;

/// <summary>Collects what the processors of a group get; a batch waits for <paramref name="gate"/>.</summary>
internal sealed class Collectors(SemaphoreSlim? gate)
{
    private long _count;

    public bool Keep { get; init; } = true;

    public ConcurrentQueue<LogEntry> All { get; } = new();

    public long Count => Volatile.Read(ref _count);

    public IPartitionProcessor Create(PartitionAssignment assignment) => new Processor(this, gate);

    private sealed class Processor(Collectors owner, SemaphoreSlim? gate) : IPartitionProcessor
    {
        public ValueTask<long?> StartAsync(CancellationToken cancellationToken) => ValueTask.FromResult<long?>(null);

        public async ValueTask ProcessAsync(IReadOnlyList<LogEntry> batch, CancellationToken cancellationToken)
        {
            if (gate is not null)
            {
                await gate.WaitAsync(cancellationToken);
            }

            foreach (var entry in batch)
            {
                if (owner.Keep)
                {
                    owner.All.Enqueue(entry);
                }

                Interlocked.Increment(ref owner._count);
            }
        }

        public ValueTask StopAsync(bool lost, CancellationToken cancellationToken) => ValueTask.CompletedTask;
    }
}
