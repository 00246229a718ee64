namespace Monitoring.Replay;

/// <summary>A verb was called with something that cannot be; the message says what and what would be right.</summary>
internal sealed class UsageException(string message) : Exception(message);
