using System.Collections.Concurrent;

namespace Monitoring.EventLog.Compliance;

/// <summary>A processor that notes what it gets. Commits after every batch unless told not to.</summary>
public sealed class RecordingProcessor(PartitionAssignment assignment, RecordingMember member) : IPartitionProcessor
{
    public PartitionAssignment Assignment { get; } = assignment;

    public ConcurrentQueue<LogEntry> Entries { get; } = new();

    /// <summary>Null while running; then whether the partition was lost.</summary>
    public bool? StoppedLost { get; private set; }

    public bool Started { get; private set; }

    public async ValueTask<long?> StartAsync(CancellationToken cancellationToken)
    {
        var resume = await member.OnStart(Assignment, cancellationToken);
        Started = true;
        return resume;
    }

    public async ValueTask ProcessAsync(IReadOnlyList<LogEntry> batch, CancellationToken cancellationToken)
    {
        await member.OnBatch(this, batch);
        foreach (var entry in batch)
        {
            Entries.Enqueue(entry);
            member.All.Enqueue(entry);
        }

        if (member.Commits)
        {
            await Assignment.CommitAsync(batch[^1].Offset + 1, cancellationToken);
        }
    }

    public ValueTask StopAsync(bool lost, CancellationToken cancellationToken)
    {
        StoppedLost = lost;
        return ValueTask.CompletedTask;
    }
}
