namespace Monitoring.Incidents;

/// <summary>A signed root of a partition's chain of checkpoints.</summary>
/// <param name="Topic">Topic.</param>
/// <param name="Partition">Partition, 0-based.</param>
/// <param name="Checkpoints">Checkpoints in the chain.</param>
/// <param name="SealedToUnixNano">Log time of the newest record covered, nanoseconds since the epoch.</param>
/// <param name="Root">64 hexadecimal digits; for <c>evidence export --root</c> and <c>evidence verify --root</c>.</param>
public sealed record SealedRoot(string Topic, int Partition, long Checkpoints, long SealedToUnixNano, string Root);
