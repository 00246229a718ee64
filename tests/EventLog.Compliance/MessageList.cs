using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Monitoring.EventLog.Compliance;

/// <summary>Keeps what was logged.</summary>
internal sealed class MessageList : ILoggerProvider, ILogger
{
    private readonly ConcurrentQueue<(LogLevel Level, string Text)> _messages = new();

    public bool Any(LogLevel level, string part) => _messages.Any(m => m.Level == level && m.Text.Contains(part, StringComparison.Ordinal));

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        _messages.Enqueue((logLevel, formatter(state, exception)));

    public void Dispose()
    {
    }
}
