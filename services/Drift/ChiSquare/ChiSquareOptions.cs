namespace Monitoring.Drift;

/// <summary>Options of <c>chi2</c>.</summary>
public sealed record ChiSquareOptions : WindowTestOptions
{ }
