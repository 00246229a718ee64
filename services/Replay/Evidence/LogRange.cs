namespace Monitoring.Replay.Evidence;

/// <summary>Offsets from <paramref name="From"/> (inclusive) to <paramref name="To"/> (exclusive) of one partition.</summary>
internal sealed record LogRange(string Topic, int Partition, long From, long To);

/// <summary>One record of the log.</summary>
internal sealed record RecordPosition(string Topic, int Partition, long Offset);
