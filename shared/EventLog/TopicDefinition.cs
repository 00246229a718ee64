namespace Monitoring.EventLog;

/// <summary>What a topic is to be.</summary>
/// <param name="Name">Letters, digits, <c>. _ -</c>; at most 200 characters.</param>
/// <param name="Partitions">Fixed at creation, 1 to 1024.</param>
/// <param name="MaxAge">Older records may be removed, whole segments at a time; null keeps them.</param>
/// <param name="MaxBytes">Per partition; above it the oldest segments may be removed; null keeps them.</param>
/// <param name="Compacted">Only the newest record of a key is kept for certain.</param>
public sealed record TopicDefinition(string Name, int Partitions, TimeSpan? MaxAge = null, long? MaxBytes = null, bool Compacted = false);
