namespace Monitoring.EventLog.Embedded;

/// <summary>The records of one append that go to one partition.</summary>
internal sealed class PartitionBatch(int partition, RecordBlock[] blocks)
{
    public int Partition { get; } = partition;

    public RecordBlock[] Blocks { get; } = blocks;

    /// <summary>Offset of the first record, set when it is stored; the others follow it.</summary>
    public long FirstOffset { get; set; }
}
