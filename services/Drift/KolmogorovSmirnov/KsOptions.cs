namespace Monitoring.Drift;

/// <summary>Options of <c>ks</c>.</summary>
public sealed record KsOptions : WindowTestOptions
{ }
