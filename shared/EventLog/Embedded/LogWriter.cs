using Microsoft.Extensions.Logging;

namespace Monitoring.EventLog.Embedded;

/// <summary>
/// The one thread that writes. It takes what has queued up and commits it together (group commit), at most
/// <see cref="GroupBytes"/> at once, which is below 5 ms of work: nobody waits long, and many share the price of a commit.
/// </summary>
internal sealed class LogWriter : IAsyncDisposable
{
    private const int GroupBytes = 2 * 1024 * 1024;

    private readonly Catalog _catalog;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly EventLogMetrics _metrics;
    private readonly PendingBytes _pending;
    private readonly long _tailBytes;
    private readonly Thread _thread;
    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly object _gate = new();
    private readonly Queue<TailChunk> _tail = new();
    private readonly List<AppendRequest> _group = [];
    private List<WriteRequest> _queue = [];
    private long _cachedBytes;
    private bool _stopping;

    public LogWriter(Catalog catalog, EmbeddedEventLogOptions options, TimeProvider time, EventLogMetrics metrics, ILogger logger)
    {
        _catalog = catalog;
        _time = time;
        _logger = logger;
        _metrics = metrics;
        _pending = new PendingBytes(options.MaxPendingBytes);
        _tailBytes = options.TailBytes;
        _thread = new Thread(Run) { Name = "eventlog-writer", IsBackground = true };
        _thread.Start();
    }

    public void Enqueue(WriteRequest request)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_stopping, typeof(EmbeddedEventLog));
            _queue.Add(request);
            _pending.Add(request.Bytes);
            if (_queue.Count == 1)
            {
                Monitor.Pulse(_gate);
            }
        }
    }

    /// <summary>Completes when less waits for the disk than may: callers slow down, memory does not grow.</summary>
    public ValueTask WaitForRoomAsync(CancellationToken cancellationToken) => _pending.WaitForRoomAsync(cancellationToken);

    public async ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            _stopping = true;
            Monitor.Pulse(_gate);
        }

        await _stopped.Task.ConfigureAwait(false);
    }

    private void Run()
    {
        var taken = new List<WriteRequest>();
        while (true)
        {
            lock (_gate)
            {
                while (_queue.Count == 0)
                {
                    if (_stopping)
                    {
                        _stopped.TrySetResult();
                        return;
                    }

                    Monitor.Wait(_gate);
                }

                (taken, _queue) = (_queue, taken);
            }

            var done = 0;
            while (done < taken.Count)
            {
                done += WriteGroup(taken, done);
            }

            taken.Clear();
        }
    }

    /// <summary>Commits requests of one kind and topic from <paramref name="from"/> on; returns how many.</summary>
    private int WriteGroup(List<WriteRequest> queue, int from)
    {
        var bytes = 0L;
        var count = 0;
        switch (queue[from])
        {
            case AppendRequest first:
                while (from + count < queue.Count && bytes < GroupBytes && queue[from + count] is AppendRequest next && next.Topic == first.Topic)
                {
                    bytes += next.Bytes;
                    _group.Add(next);
                    count++;
                }

                Append(first.Topic);
                _group.Clear();
                break;
            case CatalogRequest:
                while (from + count < queue.Count && queue[from + count] is CatalogRequest)
                {
                    count++;
                }

                Change(queue, from, count);
                break;
            case RollRequest roll:
                count = 1;
                Roll(roll);
                break;
        }

        _pending.Remove(bytes);
        return count;
    }

    private void Append(TopicLog topic)
    {
        var started = _time.GetTimestamp();
        try
        {
            var time = topic.Write(_group, Now());
            var records = 0;
            foreach (var partition in topic.Partitions)
            {
                if (partition.PendingCount > 0)
                {
                    records += partition.PendingCount;
                    Remember(partition.Publish(time));
                }
            }

            foreach (var request in _group)
            {
                request.Complete();
            }

            _metrics.Appended(topic.Name, records, _time.GetElapsedTime(started));
        }
        catch (Exception e)
        {
            _metrics.AppendFailed(topic.Name);
            foreach (var request in _group)
            {
                request.Fail(e);
            }

            return;
        }

        topic.CheckpointIfLarge();
    }

    private void Change(List<WriteRequest> queue, int from, int count)
    {
        var failed = new HashSet<CatalogRequest>();
        try
        {
            _catalog.Begin();
            for (var i = from; i < from + count; i++)
            {
                var request = (CatalogRequest)queue[i];
                try
                {
                    request.Apply(_catalog);
                }
                catch (Exception e)
                {
                    failed.Add(request);
                    request.Fail(e);
                }
            }

            _catalog.Commit();
        }
        catch (Exception e)
        {
            _catalog.Rollback();
            for (var i = from; i < from + count; i++)
            {
                ((CatalogRequest)queue[i]).Fail(e);
            }

            return;
        }

        for (var i = from; i < from + count; i++)
        {
            if (queue[i] is CatalogRequest request && !failed.Contains(request))
            {
                request.Complete();
            }
        }
    }

    private void Roll(RollRequest request)
    {
        try
        {
            if (request.Always)
            {
                request.Topic.Roll(Now());
            }
            else
            {
                request.Topic.RollIfOld(Now());
            }

            request.Complete();
        }
        catch (Exception e)
        {
            _logger.LogWarning(e, "topic {Topic}: the next segment could not be started; trying again", request.Topic.Name);
            request.Fail(e);
        }
    }

    private void Remember(TailChunk chunk)
    {
        _tail.Enqueue(chunk);
        _cachedBytes += chunk.Bytes;
        while (_cachedBytes > _tailBytes)
        {
            var oldest = _tail.Dequeue();
            _cachedBytes -= oldest.Bytes;
            oldest.Partition.DropOldest();
        }
    }

    private long Now() => (_time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks * 100;
}
