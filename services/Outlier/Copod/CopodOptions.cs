namespace Monitoring.Outlier;

/// <summary>Options of <c>copod</c>.</summary>
public sealed record CopodOptions : RowOutlierOptions
{ }
