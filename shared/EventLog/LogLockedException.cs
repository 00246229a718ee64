namespace Monitoring.EventLog;

/// <summary>Another process holds the embedded log.</summary>
public sealed class LogLockedException(string message) : EventLogException(message, isTransient: false);
