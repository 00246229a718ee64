namespace Monitoring.Statistics;

/// <summary>A variable of a monitor: its name, the group whose weight it shares, and its reference.</summary>
public sealed record EvidenceVariable(string Name, string Group, StreamReference Reference);
