namespace Monitoring.Statistics;

/// <summary>A variable of a monitor.</summary>
/// <param name="Name">Its name, for people.</param>
/// <param name="Group">The group whose weight it shares.</param>
/// <param name="Reference">What is usual.</param>
/// <param name="Concentration">Concentration of its null urn where the monitor watches one client (<see cref="ClientSpread.Fit"/>); null: that of the options.</param>
public sealed record EvidenceVariable(string Name, string Group, StreamReference Reference, double? Concentration = null);
