namespace Monitoring.Storage;

/// <summary>
/// The newest record whose effect is in this database, per source partition, written in the same transaction as the effect.
/// A source is seen through one partition of the topic that carries it: records of one source may travel in several
/// partitions, and order holds only within each.
/// </summary>
public sealed class HighWaterMark
{
    public required string Consumer { get; set; }

    public required string Topic { get; set; }

    public required int Partition { get; set; }

    /// <summary>Group that wrote the record; empty for the topic's own position.</summary>
    public required string SourceGroup { get; set; }

    public required string SourceTopic { get; set; }

    public required int SourcePartition { get; set; }

    public required long Offset { get; set; }

    public required int Ordinal { get; set; }
}
