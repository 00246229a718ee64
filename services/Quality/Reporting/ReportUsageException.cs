namespace Monitoring.Quality.Reporting;

/// <summary>The command line or its files do not fit together; the message says what and how to mend it.</summary>
internal sealed class ReportUsageException(string message) : Exception(message);
