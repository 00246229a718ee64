namespace Monitoring.EventLog.Embedded;

/// <summary>What is known in memory of one partition: where it ends, and its newest records.</summary>
internal sealed class PartitionLog(TopicLog topic, int index)
{
    private readonly Lock _gate = new();
    private TailChunk?[] _tail = new TailChunk?[16];
    private int _tailStart;
    private int _tailCount;
    private readonly List<RecordBlock> _pending = [];
    private TaskCompletionSource? _appended;
    private long _next;
    private long _pendingBytes;
    private int _pendingCount;

    public TopicLog Topic { get; } = topic;

    public int Index { get; } = index;

    /// <summary>Offset of the next record.</summary>
    public long Next => Volatile.Read(ref _next);

    /// <summary>Newest append time, nanoseconds since the epoch. Writer thread only.</summary>
    public long LastTime { get; private set; }

    /// <summary>Records of the open transaction. Writer thread only.</summary>
    public int PendingCount => _pendingCount;

    /// <summary>The same, as they came. Writer thread only.</summary>
    public IReadOnlyList<RecordBlock> Pending => _pending;

    public void Restore(long next, long lastTime)
    {
        Volatile.Write(ref _next, next);
        LastTime = lastTime;
    }

    /// <summary>Takes records into the open transaction and gives them their offsets.</summary>
    public void AddPending(PartitionBatch batch)
    {
        batch.FirstOffset = _next + _pendingCount;
        foreach (var block in batch.Blocks)
        {
            _pending.Add(block);
            _pendingBytes += block.Length;
            _pendingCount += block.Count;
        }
    }

    public void ForgetPending()
    {
        _pending.Clear();
        _pendingBytes = 0;
        _pendingCount = 0;
    }

    /// <summary>The transaction is committed: shows its records to readers. Returns the chunk for the accounting of memory.</summary>
    public TailChunk Publish(long time)
    {
        var chunk = new TailChunk(this, _next, time, [.. _pending], _pendingCount, (int)_pendingBytes + (64 * _pendingCount));
        ForgetPending();
        LastTime = time;
        TaskCompletionSource? waiting;
        lock (_gate)
        {
            if (_tailCount == _tail.Length)
            {
                var larger = new TailChunk?[_tail.Length * 2];
                for (var i = 0; i < _tailCount; i++)
                {
                    larger[i] = Chunk(i);
                }

                _tail = larger;
                _tailStart = 0;
            }

            _tail[(_tailStart + _tailCount++) & (_tail.Length - 1)] = chunk;
            Volatile.Write(ref _next, chunk.NextOffset);
            waiting = _appended;
            _appended = null;
        }

        waiting?.TrySetResult();
        return chunk;
    }

    /// <summary>Forgets the oldest chunk in memory.</summary>
    public void DropOldest()
    {
        lock (_gate)
        {
            _tail[_tailStart] = null;
            _tailStart = (_tailStart + 1) & (_tail.Length - 1);
            _tailCount--;
        }
    }

    /// <summary>Completes when there is a record at or after <paramref name="offset"/>.</summary>
    public Task WaitAsync(long offset, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (_next > offset)
            {
                return Task.CompletedTask;
            }

            _appended ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _appended.Task.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Records from <paramref name="offset"/> on, at most <paramref name="max"/>, if they are in memory; one array for all readers of a commit.</summary>
    public IReadOnlyList<LogEntry>? ReadTail(RecordCodec codec, long offset, long end, int max)
    {
        max = (int)Math.Min(max, end - offset);
        TailChunk first;
        TailChunk[]? more = null;
        lock (_gate)
        {
            if (_tailCount == 0 || offset < Chunk(0).FirstOffset || offset >= Chunk(_tailCount - 1).NextOffset)
            {
                return null;
            }

            int low = 0, high = _tailCount - 1;
            while (low < high)
            {
                var middle = (low + high + 1) / 2;
                if (Chunk(middle).FirstOffset <= offset)
                {
                    low = middle;
                }
                else
                {
                    high = middle - 1;
                }
            }

            first = Chunk(low);
            var upTo = low + 1;
            while (upTo < _tailCount && Chunk(upTo).FirstOffset < offset + max)
            {
                upTo++;
            }

            if (upTo > low + 1)
            {
                more = new TailChunk[upTo - low - 1];
                for (var i = 0; i < more.Length; i++)
                {
                    more[i] = Chunk(low + 1 + i);
                }
            }
        }

        var skip = (int)(offset - first.FirstOffset);
        var entries = first.Entries(codec);
        if (more is null)
        {
            var take = Math.Min(max, entries.Length - skip);
            return take == entries.Length ? entries : new ArraySegment<LogEntry>(entries, skip, take);
        }

        var batch = new List<LogEntry>(max);
        batch.AddRange(entries.AsSpan(skip));
        foreach (var chunk in more)
        {
            entries = chunk.Entries(codec);
            batch.AddRange(entries.AsSpan(0, Math.Min(entries.Length, max - batch.Count)));
        }

        return batch;
    }

    private TailChunk Chunk(int index) => _tail[(_tailStart + index) & (_tail.Length - 1)]!;
}
