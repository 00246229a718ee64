using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Monitoring.EventLog.Embedded;

/// <summary>Closes old segments, removes what is beyond its retention, whole segments at a time, and compacts.</summary>
internal sealed class SegmentMaintenance : IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, TopicLog> _topics;
    private readonly LogWriter _writer;
    private readonly EmbeddedEventLogOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ITimer _timer;
    private readonly SemaphoreSlim _running = new(1);
    private volatile bool _stopped;

    public SegmentMaintenance(ConcurrentDictionary<string, TopicLog> topics, LogWriter writer, EmbeddedEventLogOptions options, TimeProvider time, ILogger logger)
    {
        _topics = topics;
        _writer = writer;
        _options = options;
        _time = time;
        _logger = logger;
        _timer = time.CreateTimer(_ => _ = RunAsync(), null, options.MaintenanceInterval, options.MaintenanceInterval);
    }

    /// <summary>One round over all topics. Rounds do not overlap.</summary>
    public async Task RunAsync()
    {
        await _running.WaitAsync().ConfigureAwait(false);
        try
        {
            foreach (var topic in _topics.Values)
            {
                if (_stopped)
                {
                    return;
                }

                try
                {
                    await RunAsync(topic).ConfigureAwait(false);
                }
                catch (Exception e) when (e is EventLogException or IOException or UnauthorizedAccessException)
                {
                    _logger.LogWarning(e, "topic {Topic}: retention or compaction failed; trying again in {Interval}", topic.Name, _options.MaintenanceInterval);
                }
            }
        }
        finally
        {
            _running.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        _stopped = true;
        await _timer.DisposeAsync().ConfigureAwait(false);
        await _running.WaitAsync().ConfigureAwait(false);
        _running.Dispose();
    }

    private async Task RunAsync(TopicLog topic)
    {
        var roll = new RollRequest(topic, always: false);
        _writer.Enqueue(roll);
        await roll.Done.ConfigureAwait(false);
        Retire(topic);
        if (topic.Definition.Compacted && SegmentCompactor.IsWorthwhile(topic.Segments))
        {
            var oldTombstones = (_time.GetUtcNow() - DateTimeOffset.UnixEpoch - _options.TombstoneAge).Ticks * 100;
            var removed = SegmentCompactor.Compact(topic, oldTombstones);
            _logger.LogInformation("topic {Topic}: compaction removed {Count} records", topic.Name, removed);
        }
    }

    private void Retire(TopicLog topic)
    {
        var segments = topic.Segments;
        var count = Math.Max(Expired(topic, segments), Excess(topic, segments));
        if (count == 0)
        {
            return;
        }

        topic.ReplaceOldest(count, null);
        foreach (var segment in segments[..count])
        {
            segment.Delete();
        }

        _logger.LogInformation("topic {Topic}: retention removed {Count} segments", topic.Name, count);
    }

    /// <summary>Closed segments at the front whose newest record is older than the topic keeps.</summary>
    private int Expired(TopicLog topic, Segment[] segments)
    {
        if (topic.Definition.MaxAge is not { } maxAge)
        {
            return 0;
        }

        var oldest = (_time.GetUtcNow() - DateTimeOffset.UnixEpoch - maxAge).Ticks * 100;
        var count = 0;
        while (count + 1 < segments.Length && segments[count + 1].Times.Max() < oldest)
        {
            count++;
        }

        return count;
    }

    /// <summary>Closed segments at the front above the bytes that the topic keeps: <see cref="TopicDefinition.MaxBytes"/> times its partitions.</summary>
    private static int Excess(TopicLog topic, Segment[] segments)
    {
        if (topic.Definition.MaxBytes is not { } maxBytes)
        {
            return 0;
        }

        var kept = segments.Sum(s => s.Bytes);
        var count = 0;
        while (count + 1 < segments.Length && kept > maxBytes * topic.Partitions.Length)
        {
            kept -= segments[count].Bytes;
            count++;
        }

        return count;
    }
}
