namespace Monitoring.Detection;

/// <summary>What one monitor learned.</summary>
/// <param name="Name">Name of the monitor in the configuration.</param>
/// <param name="Kind">Its kind.</param>
/// <param name="Options">Canonical options it was fitted with: <see cref="MonitorOptions.Canonical"/>.</param>
/// <param name="Parameters">The kind's own bytes.</param>
/// <param name="Variables">In the order of <see cref="IMonitor.Variables"/>.</param>
/// <param name="Uncalibrated">Why it may not page; empty when it may.</param>
public sealed record MonitorProfile(string Name, string Kind, string Options, ReadOnlyMemory<byte> Parameters, IReadOnlyList<VariableProfile> Variables, string Uncalibrated = "");
