namespace Monitoring.Outlier;

/// <summary>Options of <c>outlier</c>.</summary>
public sealed record OutlierOptions : RowOutlierOptions
{ }
