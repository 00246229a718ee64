namespace Monitoring.EventLog;

/// <summary>A record as read from the log.</summary>
/// <param name="Topic">Topic.</param>
/// <param name="Partition">Partition, 0-based.</param>
/// <param name="Offset">Offset in the partition; increases, not always by one.</param>
/// <param name="TimeUnixNano">Log time: the append time, monotone per partition; or the carried one of a replayed record (header <c>monitoring_log_time</c>).</param>
/// <param name="Key">Key.</param>
/// <param name="Value">Payload; <see langword="null"/> is a tombstone.</param>
/// <param name="Headers">Headers in their order.</param>
public sealed record LogEntry(string Topic, int Partition, long Offset, long TimeUnixNano, ReadOnlyMemory<byte> Key, ReadOnlyMemory<byte>? Value, IReadOnlyList<LogHeader> Headers);
