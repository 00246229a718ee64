namespace Monitoring.Drift;

/// <summary>Options of <c>classifier</c>.</summary>
public sealed record ClassifierOptions : FeatureWindowOptions
{ }
