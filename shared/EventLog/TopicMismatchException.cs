namespace Monitoring.EventLog;

/// <summary>The topic exists with other settings.</summary>
public sealed class TopicMismatchException(string message) : EventLogException(message, isTransient: false);
