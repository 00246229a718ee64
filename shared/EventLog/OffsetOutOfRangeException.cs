namespace Monitoring.EventLog;

/// <summary>The requested offset is outside of what the log retains.</summary>
public sealed class OffsetOutOfRangeException(string message) : EventLogException(message, isTransient: false);
