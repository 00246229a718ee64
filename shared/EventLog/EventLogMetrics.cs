using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Monitoring.EventLog;

/// <summary>Instruments of the meter <c>Monitoring.EventLog</c>, shared by both logs.</summary>
public sealed class EventLogMetrics : IDisposable
{
    /// <summary>Name of the meter.</summary>
    public const string MeterName = "Monitoring.EventLog";

    private readonly Meter _meter = new(MeterName);
    private readonly ConcurrentDictionary<string, TagList> _topicTags = new(StringComparer.Ordinal);
    private readonly Counter<long> _appends;
    private readonly Counter<long> _failures;
    private readonly Histogram<double> _seconds;
    private readonly Counter<long> _lost;

    /// <param name="lags">Asked at every collection: where each group stands.</param>
    /// <param name="sizes">Asked at every collection: bytes on disk per topic; empty where the log is elsewhere.</param>
    public EventLogMetrics(Func<IEnumerable<GroupLag>> lags, Func<IEnumerable<TopicSize>> sizes)
    {
        _appends = _meter.CreateCounter<long>("monitoring_eventlog_appends_total", "{record}", "Records appended and durable.");
        _failures = _meter.CreateCounter<long>("monitoring_eventlog_append_failures_total", "{append}", "Appends that failed; the caller was told.");
        _seconds = _meter.CreateHistogram<double>("monitoring_eventlog_append_seconds", "s", "Time of one commit of appended records.");
        _lost = _meter.CreateCounter<long>("monitoring_eventlog_partitions_lost_total", "{partition}", "Partitions taken away from a member that did not hand them over in time.");
        _meter.CreateObservableGauge("monitoring_eventlog_lag_records", () => lags().Select(l => new Measurement<long>(l.Records, Tags(l))), "{record}", "Records a group has not processed yet.");
        _meter.CreateObservableGauge("monitoring_eventlog_lag_seconds", () => lags().Select(l => new Measurement<double>(l.Seconds, Tags(l))), "s", "Age of the oldest record a group has not processed yet.");
        _meter.CreateObservableGauge("monitoring_eventlog_time_to_retention_seconds", () => lags().Where(l => l.SecondsToRetention is not null).Select(l => new Measurement<double>(l.SecondsToRetention!.Value, Tags(l))), "s", "Time until retention reaches the oldest record a group has not processed yet.");
        _meter.CreateObservableGauge("monitoring_eventlog_bytes", () => sizes().Select(s => new Measurement<long>(s.Bytes, new KeyValuePair<string, object?>("topic", s.Topic))), "By", "Bytes on disk.");
        _meter.CreateObservableGauge("monitoring_eventlog_wal_bytes", () => sizes().Select(s => new Measurement<long>(s.WalBytes, new KeyValuePair<string, object?>("topic", s.Topic))), "By", "Bytes of the write-ahead log.");
    }

    /// <summary>Records became durable in one commit that took <paramref name="elapsed"/>.</summary>
    public void Appended(string topic, long records, TimeSpan elapsed)
    {
        var tags = TopicTags(topic);
        _appends.Add(records, tags);
        _seconds.Record(elapsed.TotalSeconds, tags);
    }

    /// <summary>An append failed.</summary>
    public void AppendFailed(string topic) => _failures.Add(1, TopicTags(topic));

    /// <summary>A partition was taken away from a stalled member.</summary>
    public void PartitionLost(string group, string topic) =>
        _lost.Add(1, new KeyValuePair<string, object?>("group", group), new KeyValuePair<string, object?>("topic", topic));

    public void Dispose() => _meter.Dispose();

    private static KeyValuePair<string, object?>[] Tags(GroupLag lag) =>
    [
        new("group", lag.Group), new("topic", lag.Topic), new("partition", lag.Partition),
    ];

    private TagList TopicTags(string topic)
    {
        if (!_topicTags.TryGetValue(topic, out var tags))
        {
            tags = _topicTags.GetOrAdd(topic, static t => new TagList { { "topic", t } });
            // A counter that appears with its first failure has no increase for a rule to see.
            _failures.Add(0, tags);
        }

        return tags;
    }
}
