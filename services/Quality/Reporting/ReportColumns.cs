namespace Monitoring.Quality.Reporting;

/// <summary>Roles of columns that the user named; null: by the usual names.</summary>
internal sealed record ReportColumns(string? Label, string? Prediction, string? Score, IReadOnlyList<string> Ignored);
