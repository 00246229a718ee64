using Monitoring.Statistics;

namespace Monitoring.Detection;

/// <summary>What people read of a kept profile.</summary>
public sealed record ProfileSummary(
    string Sha256,
    string Model,
    string Version,
    string Origin,
    int Rows,
    int Draws,
    long FromUnixNano,
    long ToUnixNano,
    SlotScheme Slots,
    IReadOnlyList<string> Monitors,
    IReadOnlyList<string> Warnings);

/// <summary>A line of the history: this profile is in use from here.</summary>
public sealed record ProfileDecision(string Sha256, string Author, string Reason, DateTimeOffset Time);
