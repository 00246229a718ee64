namespace Monitoring.Statistics;

/// <summary>An event as <see cref="DependenceFit"/> looks at it, in log order.</summary>
/// <param name="Client">Hash of the client's id; one fixed number for events without a client.</param>
/// <param name="LogTimeMs">Log time in milliseconds; monotone.</param>
/// <param name="Payload">Hash of the raw payload; 0 where it is not known.</param>
/// <param name="Value">The variable looked at.</param>
public readonly record struct DependentEvent(ulong Client, long LogTimeMs, ulong Payload, double Value);
