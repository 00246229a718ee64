namespace Monitoring.Detection;

/// <summary>The kept state does not fit the log; the message says what to do. A person must decide, so the group does not start.</summary>
public sealed class StateMismatchException(string message) : Exception(message);
