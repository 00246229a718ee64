namespace Monitoring.EventLog.Kafka;

/// <summary>
/// Runs one processor on one assigned partition. The poll loop fills its buffer and never waits for it: when the buffer is full the
/// partition is paused, and asked for again when half of it is gone.
/// </summary>
internal sealed class KafkaPartition
{
    private const long BufferBytes = 8 * 1024 * 1024;

    private readonly KafkaSubscription _subscription;
    private readonly CancellationTokenSource _stop = new();
    private readonly CancellationTokenSource _lost = new();
    private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _gate = new();
    private readonly int _bufferRecords;
    private List<LogEntry> _buffer = [];
    private TaskCompletionSource? _arrived;
    private Exception? _failure;
    private long _bytes;
    private long _position = -1;
    private long _positionTime;
    private long _end;

    public KafkaPartition(KafkaSubscription subscription, KafkaAssignment assignment, long? committed, OffsetRange retained)
    {
        Committed = committed;
        Retained = retained;
        _end = retained.End;
        AssignedOffset = committed is { } c && c >= retained.Start && c <= retained.End ? c : retained.Start;
        _subscription = subscription;
        Assignment = assignment;
        _bufferRecords = subscription.Subscription.MaxBatch * 4;
    }

    public KafkaAssignment Assignment { get; }

    /// <summary>The group's committed offset when the partition was assigned.</summary>
    public long? Committed { get; }

    /// <summary>What the log held then.</summary>
    public OffsetRange Retained { get; }

    /// <summary>Where the fetcher is put until the processor has restored.</summary>
    public long AssignedOffset { get; }

    /// <summary>Where the log ended when somebody last asked.</summary>
    public long End
    {
        get => Volatile.Read(ref _end);
        set => Volatile.Write(ref _end, value);
    }

    /// <summary>The newest question for the end. Poll loop only.</summary>
    public Task Looking { get; set; } = Task.CompletedTask;

    public Task Released => _released.Task;

    /// <summary>Whether records are wanted: set by the poll loop when the processor has restored, so before that what arrives is dropped and asked for again.</summary>
    public bool Delivering { get; set; }

    /// <summary>Whether the poll loop has paused the partition. Poll loop only.</summary>
    public bool Paused { get; set; }

    /// <summary>Next record to process and the time of the last one handed over; null before the start.</summary>
    public (long Offset, long TimeUnixNano)? Position => Volatile.Read(ref _position) is >= 0 and var p ? (p, Volatile.Read(ref _positionTime)) : null;

    /// <summary>Log time of the oldest record that waits in the buffer or is being processed.</summary>
    public long? OldestTime { get; private set; }

    public bool IsFull
    {
        get
        {
            lock (_gate)
            {
                return _buffer.Count >= _bufferRecords || _bytes >= BufferBytes;
            }
        }
    }

    public bool HasRoom
    {
        get
        {
            lock (_gate)
            {
                return _buffer.Count <= _bufferRecords / 2 && _bytes <= BufferBytes / 2;
            }
        }
    }

    public void Start() => _ = Task.Run(RunAsync);

    public void Deliver(LogEntry entry)
    {
        TaskCompletionSource? arrived;
        lock (_gate)
        {
            _buffer.Add(entry);
            _bytes += entry.Key.Length + (entry.Value?.Length ?? 0) + 200;
            (arrived, _arrived) = (_arrived, null);
        }

        arrived?.TrySetResult();
    }

    /// <summary>Ends the partition with an error that polling brought up.</summary>
    public void Fail(Exception error)
    {
        TaskCompletionSource? arrived;
        lock (_gate)
        {
            _failure = error;
            (arrived, _arrived) = (_arrived, null);
        }

        arrived?.TrySetResult();
    }

    public void RequestStop() => _ = _stop.CancelAsync();

    /// <summary>The partition belongs to somebody else, or soon will: nothing may be written any more.</summary>
    public void Abandon()
    {
        Assignment.Revoke();
        _ = _stop.CancelAsync();
        _ = _lost.CancelAsync();
    }

    private async Task RunAsync()
    {
        IPartitionProcessor? processor = null;
        var consistent = false;
        try
        {
            processor = _subscription.Subscription.CreateProcessor(Assignment);
            var resume = await processor.StartAsync(_stop.Token).ConfigureAwait(false);
            consistent = true;
            var position = await _subscription.ResolveAsync(this, resume, _stop.Token).ConfigureAwait(false);
            Volatile.Write(ref _position, position);
            _subscription.Resume(this, position);
            var size = new HandOverSize(_subscription.Subscription.MaxBatch, _subscription.Time);
            while (!_stop.IsCancellationRequested)
            {
                if (Take(size.Records) is not { } batch)
                {
                    await WaitAsync().ConfigureAwait(false);
                    continue;
                }

                OldestTime = batch[0].TimeUnixNano;
                consistent = false;
                size.Begin();
                await processor.ProcessAsync(batch, _lost.Token).ConfigureAwait(false);
                size.End(batch.Count);
                consistent = true;
                OldestTime = null;
                Volatile.Write(ref _positionTime, batch[^1].TimeUnixNano);
                Volatile.Write(ref _position, batch[^1].Offset + 1);
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
        }
        catch (Exception e) when (!Assignment.Owned)
        {
            // Somebody else's now, and so is its error: this member goes on with what it still owns.
            _subscription.FailedAfterLoss(this, e);
        }
        catch (Exception e)
        {
            _subscription.Fail(this, e);
        }

        try
        {
            if (processor is not null)
            {
                await processor.StopAsync(lost: !consistent || !Assignment.MayWrite, _lost.Token).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (!Assignment.Owned)
        {
            _subscription.FailedAfterLoss(this, e);
        }
        catch (Exception e)
        {
            _subscription.Fail(this, e);
        }

        Assignment.Revoke();
        _released.TrySetResult();
    }

    private List<LogEntry>? Take(int max)
    {
        lock (_gate)
        {
            if (_failure is { } failure)
            {
                throw failure;
            }

            if (_buffer.Count == 0)
            {
                return null;
            }

            List<LogEntry> batch;
            if (_buffer.Count <= max)
            {
                batch = _buffer;
                _buffer = [];
                _bytes = 0;
            }
            else
            {
                batch = _buffer.GetRange(0, max);
                _buffer.RemoveRange(0, max);
                foreach (var entry in batch)
                {
                    _bytes -= entry.Key.Length + (entry.Value?.Length ?? 0) + 200;
                }
            }

            return batch;
        }
    }

    private Task WaitAsync()
    {
        lock (_gate)
        {
            if (_buffer.Count > 0 || _failure is not null)
            {
                return Task.CompletedTask;
            }

            _arrived ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _arrived.Task.WaitAsync(_stop.Token);
        }
    }
}
