namespace Monitoring.EventLog.Embedded;

/// <summary>A segment file is not a sound database.</summary>
internal sealed class DamagedSegmentException(string message) : EventLogException(message, isTransient: false);
