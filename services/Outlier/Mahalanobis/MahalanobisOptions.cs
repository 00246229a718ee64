namespace Monitoring.Outlier;

/// <summary>Options of <c>mahalanobis</c>.</summary>
public sealed record MahalanobisOptions : RowOutlierOptions
{ }
