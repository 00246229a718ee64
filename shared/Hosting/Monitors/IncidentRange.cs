namespace Monitoring.Hosting;

/// <summary>The traffic that an incident is about.</summary>
/// <param name="Model">Model; empty for an incident over many models.</param>
/// <param name="Version">Model version.</param>
/// <param name="FromUnixNano">Log time at which it began.</param>
/// <param name="ToUnixNano">Log time of its last finding.</param>
public sealed record IncidentRange(string Model, string Version, long FromUnixNano, long ToUnixNano);
