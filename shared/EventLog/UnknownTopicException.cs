namespace Monitoring.EventLog;

/// <summary>The topic does not exist.</summary>
public sealed class UnknownTopicException(string message) : EventLogException(message, isTransient: false);
