namespace Monitoring.Drift;

/// <summary>Options of <c>cvm</c>.</summary>
public sealed record CvmOptions : WindowTestOptions
{ }
