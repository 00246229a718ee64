namespace Monitoring.Detection;

/// <summary>How far a partition is, as of its last batch.</summary>
/// <param name="Monitors">Its monitors.</param>
/// <param name="NextOffset">Offset of the next event.</param>
/// <param name="LagEvents">Events in the log that were not processed.</param>
/// <param name="Behind">Age of the newest processed event while there are newer ones; zero at the end of the log.</param>
public sealed record PartitionProgress(IReadOnlyList<MonitorStatus> Monitors, long NextOffset, long LagEvents, TimeSpan Behind);
