namespace Monitoring.EventLog;

/// <summary>Base of the log's own errors. <see cref="IsTransient"/> says whether trying again later can help.</summary>
public class EventLogException(string message, bool isTransient, Exception? inner = null) : Exception(message, inner)
{
    public bool IsTransient { get; } = isTransient;
}
