using Microsoft.Extensions.Logging;

namespace Monitoring.EventLog.Embedded;

/// <summary>Runs one processor on one partition from assignment to release.</summary>
internal sealed class PartitionWorker
{
    private readonly EmbeddedEventLog _log;
    private readonly TopicLog _topic;
    private readonly CancellationTokenSource _stop = new();
    private readonly CancellationTokenSource _lost = new();
    private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _gate = new();
    private EmbeddedAssignment? _assignment;
    private bool _abandoned;
    private int _stopRequested;
    private long _position = -1;

    public PartitionWorker(EmbeddedEventLog log, GroupMember member, TopicLog topic, int partition)
    {
        _log = log;
        Member = member;
        _topic = topic;
        Partition = partition;
    }

    public GroupMember Member { get; }

    public int Partition { get; }

    /// <summary>The partition is free for the next owner: this one has ended, or was abandoned.</summary>
    public Task Released => _released.Task;

    /// <summary>Next record to process; null before the start.</summary>
    public long? Position => Volatile.Read(ref _position) is >= 0 and var p ? p : null;

    public void Start() => _ = Task.Run(RunAsync);

    /// <summary>Asks the worker to stop after the batch in hand. When it does not within the handover timeout, the partition is taken away.</summary>
    public void RequestStop()
    {
        if (Interlocked.Exchange(ref _stopRequested, 1) == 0)
        {
            _ = _stop.CancelAsync();
            _ = AbandonWhenLateAsync();
        }
    }

    private async Task AbandonWhenLateAsync()
    {
        try
        {
            await Released.WaitAsync(_log.Options.HandoverTimeout, _log.Time).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            lock (_gate)
            {
                _abandoned = true;
                _assignment?.Revoke();
            }

            _log.Logger.LogWarning("group {Group}: the owner of {Topic}/{Partition} did not hand it over within {Timeout}; it is taken away", Member.Subscription.Group, _topic.Name, Partition, _log.Options.HandoverTimeout);
            _log.Metrics.PartitionLost(Member.Subscription.Group, _topic.Name);
            _released.TrySetResult();
            await _lost.CancelAsync().ConfigureAwait(false);
        }
    }

    private async Task RunAsync()
    {
        IPartitionProcessor? processor = null;
        var consistent = false;
        try
        {
            var group = Member.Subscription.Group;
            var epoch = 0L;
            await _log.ChangeAsync(c => c.StorePosition(group, _topic.Name, Partition, p => p with { Epoch = epoch = p.Epoch + 1 })).ConfigureAwait(false);
            var assignment = new EmbeddedAssignment(_log, group, _topic, Partition, epoch);
            lock (_gate)
            {
                _assignment = assignment;
                if (_abandoned)
                {
                    assignment.Revoke();
                }
            }

            processor = Member.Subscription.CreateProcessor(assignment);
            var resume = await processor.StartAsync(_stop.Token).ConfigureAwait(false);
            consistent = true;
            await ProcessAsync(processor, resume ?? _log.Position(group, _topic.Name, Partition).Next ?? _topic.Start(Partition), c => consistent = c).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
        }
        catch (Exception e)
        {
            _log.Logger.LogError(e, "group {Group}: {Topic}/{Partition} ended with an error; nothing of it is skipped", Member.Subscription.Group, _topic.Name, Partition);
            Member.Fail(e);
        }

        try
        {
            if (processor is not null)
            {
                await processor.StopAsync(lost: !consistent || _assignment is not { MayWrite: true }, _lost.Token).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is not OperationCanceledException || !_lost.IsCancellationRequested)
        {
            _log.Logger.LogError(e, "group {Group}: the processor of {Topic}/{Partition} failed to stop", Member.Subscription.Group, _topic.Name, Partition);
            Member.Fail(e);
        }

        _assignment?.Revoke();
        _released.TrySetResult();
    }

    private async Task ProcessAsync(IPartitionProcessor processor, long position, Action<bool> setConsistent)
    {
        var partition = _topic.Partitions[Partition];
        using var reader = new PartitionReader(_topic, partition, _log.Codec, Member.Subscription.Group);
        var retained = new OffsetRange(_topic.Start(Partition), partition.Next);
        if (position < retained.Start || position > retained.End)
        {
            throw new OffsetOutOfRangeException(Member.Subscription.Group, _topic.Name, Partition, position, retained);
        }

        Volatile.Write(ref _position, position);
        var size = new HandOverSize(Member.Subscription.MaxBatch, _log.Time);
        while (!_stop.IsCancellationRequested)
        {
            var next = position;
            if (reader.Read(ref next, long.MaxValue, size.Records) is { } batch)
            {
                setConsistent(false);
                size.Begin();
                await processor.ProcessAsync(batch, _lost.Token).ConfigureAwait(false);
                size.End(batch.Count);
                setConsistent(true);
            }
            else if (next == position)
            {
                await partition.WaitAsync(position, _stop.Token).ConfigureAwait(false);
            }

            position = next;
            Volatile.Write(ref _position, position);
        }
    }
}
