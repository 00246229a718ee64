using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;
using Monitoring.Contracts;

namespace Monitoring.EventLog;

/// <summary>
/// Where a group puts records that it cannot process: the topic <c>TOPIC.dlq.GROUP</c>, one partition. Key, value and headers stay as they were; headers
/// say why and whence. A tombstone becomes an empty value.
/// </summary>
public sealed class DeadLetters : IDisposable
{
    private readonly IEventLog _log;
    private readonly string _group;
    private readonly TopicDefinition _definition;
    private readonly Meter _meter = new(EventLogMetrics.MeterName);
    private readonly Counter<long> _written;
    private volatile bool _exists;

    /// <param name="log">The log.</param>
    /// <param name="topic">Topic whose records cannot be processed.</param>
    /// <param name="group">Group that cannot process them.</param>
    /// <param name="maxAge">How long they are kept; 30 days by default.</param>
    public DeadLetters(IEventLog log, string topic, string group, TimeSpan? maxAge = null)
    {
        _log = log;
        _group = group;
        _definition = new TopicDefinition(Topics.DeadLetters(topic, group), 1, maxAge ?? TimeSpan.FromDays(30));
        _written = _meter.CreateCounter<long>("monitoring_eventlog_dead_letters_total", "{record}", "Records that a group could not process and put aside.");
    }

    /// <summary>Topic of the dead letters.</summary>
    public string Topic => _definition.Name;

    /// <summary>Puts the record aside and returns when that is durable: only then may its offset be committed.</summary>
    public async ValueTask<LogPosition> WriteAsync(LogEntry entry, string reason, CancellationToken cancellationToken = default)
    {
        if (!_exists)
        {
            await _log.EnsureTopicAsync(_definition, cancellationToken).ConfigureAwait(false);
            _exists = true;
        }

        var origin = string.Create(CultureInfo.InvariantCulture, $"{entry.Topic}/{entry.Partition}/{entry.Offset}");
        LogHeader[] headers =
        [
            .. entry.Headers,
            new(Headers.DeadLetterReason, Encoding.UTF8.GetBytes(reason)),
            new(Headers.DeadLetterOrigin, Encoding.UTF8.GetBytes(origin)),
        ];
        var position = await _log.AppendAsync(_definition.Name, new LogRecord(entry.Key, entry.Value ?? ReadOnlyMemory<byte>.Empty, headers), cancellationToken).ConfigureAwait(false);
        _written.Add(1, new KeyValuePair<string, object?>("topic", entry.Topic), new KeyValuePair<string, object?>("group", _group));
        return position;
    }

    public void Dispose() => _meter.Dispose();
}
