namespace Monitoring.EventLog;

/// <summary>A member's wish to process a topic as part of a group.</summary>
/// <param name="Group">Group name; partitions of the topic are shared among its members.</param>
/// <param name="Topic">Topic.</param>
/// <param name="CreateProcessor">Makes the processor of one assigned partition.</param>
/// <param name="MaxBatch">Most records handed over at once; beyond 1,024 only as many as take about half a second (<see cref="HandOverSize"/>).</param>
public sealed record GroupSubscription(string Group, string Topic, Func<PartitionAssignment, IPartitionProcessor> CreateProcessor, int MaxBatch = 1024);

/// <summary>A running membership. Disposing it stops processing, calls <see cref="IPartitionProcessor.StopAsync"/> and leaves the group.</summary>
public interface ISubscription : IAsyncDisposable
{
    /// <summary>Faults with the error that ended the subscription, for example an <see cref="OffsetOutOfRangeException"/>; completes when disposed.</summary>
    Task Completion { get; }
}

/// <summary>Processes one partition while this member owns it. Never called by two threads at once.</summary>
public interface IPartitionProcessor
{
    /// <summary>
    /// Restores state. Returns the offset to resume at, or null for the group's committed offset (the start where there is none).
    /// Runs while the partition is paused; may take long.
    /// </summary>
    ValueTask<long?> StartAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Handles a batch in offset order. The next one is not delivered before this returns. An exception ends the subscription: nothing is
    /// skipped. The token is cancelled only when the partition is lost; when it is handed over, the batch may finish first.
    /// </summary>
    ValueTask ProcessAsync(IReadOnlyList<LogEntry> batch, CancellationToken cancellationToken);

    /// <summary>
    /// The partition goes away; called once for every processor, also when its start failed. With <paramref name="lost"/> write nothing:
    /// another member may own the partition already, or <see cref="StartAsync"/> or <see cref="ProcessAsync"/> did not complete.
    /// </summary>
    ValueTask StopAsync(bool lost, CancellationToken cancellationToken);
}

/// <summary>An assigned partition, and what its owner may do.</summary>
public abstract class PartitionAssignment
{
    public abstract string Group { get; }

    public abstract string Topic { get; }

    public abstract int Partition { get; }

    /// <summary>Partitions of the topic when the group was joined.</summary>
    public abstract int PartitionCount { get; }

    /// <summary>Grows with every change of owner of this partition (generation of the group, or the embedded log's own counter).</summary>
    public abstract long OwnerEpoch { get; }

    /// <summary>False once this member has not polled for half of <c>max.poll.interval.ms</c>, or has lost the partition: it must not write state now.</summary>
    public abstract bool MayWrite { get; }

    /// <summary>Commits the group's offset: the next record to process. Only after its effects are durable.</summary>
    public abstract ValueTask CommitAsync(long nextOffset, CancellationToken cancellationToken = default);
}
