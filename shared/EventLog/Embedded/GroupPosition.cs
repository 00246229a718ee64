namespace Monitoring.EventLog.Embedded;

/// <summary>What is durable of a group on one partition.</summary>
/// <param name="Next">Committed offset: the next record to process; null before the first commit.</param>
/// <param name="Epoch">How often the partition has changed owner.</param>
internal readonly record struct GroupPosition(long? Next, long Epoch);
