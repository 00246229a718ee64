namespace Monitoring.EventLog;

/// <summary>A record to append.</summary>
/// <param name="Key">Chooses the partition (murmur2, as Kafka's Java client) unless <paramref name="Partition"/> is set; the identity of a record in a compacted topic.</param>
/// <param name="Value">Payload; <see langword="null"/> is a tombstone, allowed in compacted topics only.</param>
/// <param name="Headers">Kept byte for byte and in order; names may repeat.</param>
/// <param name="Partition">Explicit partition, 0-based.</param>
public sealed record LogRecord(ReadOnlyMemory<byte> Key, ReadOnlyMemory<byte>? Value, IReadOnlyList<LogHeader> Headers, int? Partition = null);

/// <summary>A record header.</summary>
public readonly record struct LogHeader(string Name, ReadOnlyMemory<byte> Value);

/// <summary>Where a record is.</summary>
public readonly record struct LogPosition(int Partition, long Offset);

/// <summary>Offsets from <paramref name="Start"/> (inclusive, first retained) to <paramref name="End"/> (exclusive).</summary>
public readonly record struct OffsetRange(long Start, long End);
