namespace Monitoring.Quality.Reporting;

/// <summary>How bad: nothing, a change, harm.</summary>
internal enum ReportLevel
{
    Fine,
    Change,
    Harm,
}
