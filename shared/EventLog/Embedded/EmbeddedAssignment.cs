namespace Monitoring.EventLog.Embedded;

/// <summary>A partition owned by a member within this process.</summary>
internal sealed class EmbeddedAssignment(EmbeddedEventLog log, string group, TopicLog topic, int partition, long epoch) : PartitionAssignment
{
    private volatile bool _owned = true;

    public override string Group { get; } = group;

    public override string Topic { get; } = topic.Name;

    public override int Partition { get; } = partition;

    public override int PartitionCount { get; } = topic.Partitions.Length;

    public override long OwnerEpoch { get; } = epoch;

    public override bool MayWrite => _owned;

    public void Revoke() => _owned = false;

    public override async ValueTask CommitAsync(long nextOffset, CancellationToken cancellationToken = default)
    {
        if (nextOffset < 0 || nextOffset > topic.Partitions[Partition].Next)
        {
            throw new ArgumentOutOfRangeException(nameof(nextOffset), nextOffset, $"{Topic}/{Partition} ends at {topic.Partitions[Partition].Next}");
        }

        await log.ChangeAsync(catalog =>
        {
            // Checked on the writer thread: the next owner's epoch is stored there too, so an old owner's commit cannot follow it.
            if (!_owned)
            {
                throw new EventLogException($"group '{Group}' no longer owns {Topic}/{Partition} here: offset {nextOffset} was not committed", isTransient: false);
            }

            catalog.StorePosition(Group, Topic, Partition, position => position with { Next = nextOffset });
        }).WaitAsync(cancellationToken).ConfigureAwait(false);
    }
}
