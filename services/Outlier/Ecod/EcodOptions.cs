namespace Monitoring.Outlier;

/// <summary>Options of <c>ecod</c>.</summary>
public sealed record EcodOptions : RowOutlierOptions
{ }
