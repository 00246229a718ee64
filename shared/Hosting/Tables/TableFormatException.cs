namespace Monitoring.Hosting.Tables;

/// <summary>A file that cannot be read as a table; the message names the file, the place and what was expected.</summary>
public sealed class TableFormatException(string message) : Exception(message);
