using Monitoring.EventLog;

namespace Monitoring.Detection.Tests.Support;

/// <summary>An assignment that a test grants and takes away.</summary>
internal sealed class Owner(string group, string topic, int partition, int partitions, long epoch) : PartitionAssignment
{
    public override string Group => group;

    public override string Topic => topic;

    public override int Partition => partition;

    public override int PartitionCount => partitions;

    public override long OwnerEpoch => epoch;

    public override bool MayWrite => Fenced is false;

    public bool Fenced { get; set; }

    public long Committed { get; private set; } = -1;

    public override ValueTask CommitAsync(long nextOffset, CancellationToken cancellationToken = default)
    {
        Committed = nextOffset;
        return ValueTask.CompletedTask;
    }
}
