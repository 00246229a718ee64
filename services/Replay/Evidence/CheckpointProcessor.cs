using Monitoring.EventLog;

namespace Monitoring.Replay.Evidence;

/// <summary>
/// Hashes the records of one partition as they arrive and seals every <see cref="EvidenceOptions.SegmentRecords"/> of them, or what
/// is there once the oldest is <see cref="EvidenceOptions.SegmentAge"/> older than the newest. The chain is the state: a restart
/// resumes behind the last sealed record and hashes the rest again.
/// </summary>
internal sealed class CheckpointProcessor(IEventLog log, SigningKey key, EvidenceOptions options, PartitionAssignment assignment) : IPartitionProcessor
{
    /// <summary>The group's offset is what its lag is measured by; where to resume the chain says. So it need not follow every segment of busy traffic, each in a transaction of the log's writer.</summary>
    private static readonly TimeSpan s_commitInterval = TimeSpan.FromSeconds(1);

    /// <summary>Told the number of records after every checkpoint.</summary>
    public Action<int>? Sealed { get; init; }

    /// <summary>Where this processor is known while it runs; null where nobody asks.</summary>
    public OpenSegments? Open { get; init; }

    /// <summary>Clock of <see cref="SealOlderAsync"/>.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    private readonly CheckpointChain _chain = new(assignment.Topic, assignment.Partition);
    private readonly SegmentTree _tree = new(options.SegmentRecords);

    /// <summary>Batches come from the log's thread, <see cref="SealOlderAsync"/> from a clock's.</summary>
    private readonly SemaphoreSlim _gate = new(1, 1);
    private byte[] _buffer = new byte[8192];
    private long _from;
    private long _next;
    private long _firstTime;
    private long _lastTime;
    private long _arrived;
    private long _committed;
    private long _commitTime;
    private bool _stopped;

    public async ValueTask<long?> StartAsync(CancellationToken cancellationToken)
    {
        await _chain.RefreshAsync(log, cancellationToken).ConfigureAwait(false);
        var offsets = await log.GetOffsetsAsync(assignment.Topic, assignment.Partition, cancellationToken).ConfigureAwait(false);

        // Records that were retired before they were sealed stay visible as a gap between two checkpoints.
        _from = _next = _committed = Math.Max(_chain.NextOffset ?? 0, offsets.Start);
        _tree.Clear();
        Open?.Add(this);
        return _next;
    }

    public async ValueTask ProcessAsync(IReadOnlyList<LogEntry> batch, CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            for (var i = 0; i < batch.Count; i++)
            {
                var entry = batch[i];
                if (entry.Offset < _next)
                {
                    continue;
                }

                if (_tree.Count > 0 && entry.TimeUnixNano - _firstTime > options.SegmentAge.Ticks * 100)
                {
                    await SealAsync(cancellationToken).ConfigureAwait(false);
                }

                if (_tree.Count == 0)
                {
                    _firstTime = entry.TimeUnixNano;
                    _arrived = Time.GetTimestamp();
                }

                _tree.Add(_buffer.AsSpan(0, CanonicalRecord.WriteLeaf(entry, ref _buffer)));
                _next = entry.Offset + 1;
                _lastTime = entry.TimeUnixNano;
                if (_tree.Count == options.SegmentRecords)
                {
                    await SealAsync(cancellationToken).ConfigureAwait(false);
                }
            }
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Seals what is there when its first record came at least <paramref name="age"/> ago by <see cref="Time"/>, and this owner may still write.</summary>
    public async ValueTask SealOlderAsync(TimeSpan age, CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (!_stopped && _tree.Count > 0 && assignment.MayWrite && Time.GetElapsedTime(_arrived) >= age)
            {
                await SealAsync(cancellationToken).ConfigureAwait(false);
            }

            if (!_stopped && assignment.MayWrite)
            {
                await CommitAsync(cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>A clean stop seals the rest, so that an idle log is proved to its end.</summary>
    public async ValueTask StopAsync(bool lost, CancellationToken cancellationToken)
    {
        Open?.Remove(this);
        await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            _stopped = true;
            if (!lost && _tree.Count > 0)
            {
                await SealAsync(cancellationToken).ConfigureAwait(false);
            }

            if (!lost && assignment.MayWrite)
            {
                await CommitAsync(cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            _tree.Dispose();
            _gate.Release();
        }
    }

    private async ValueTask SealAsync(CancellationToken cancellationToken)
    {
        if (!assignment.MayWrite)
        {
            throw new EventLogException($"{assignment.Topic}/{assignment.Partition} may no longer be sealed by this process", isTransient: true);
        }

        var count = _tree.Count;
        await _chain.SealAsync(log, key, _tree.Root(), count, _from, _next, _firstTime, _lastTime, cancellationToken).ConfigureAwait(false);

        // Sealed is sealed, whether the commit succeeds or not: the next segment begins behind it.
        _from = _next;
        _tree.Clear();
        Sealed?.Invoke(count);
        if (_commitTime == 0 || Time.GetElapsedTime(_commitTime) >= s_commitInterval)
        {
            await CommitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private async ValueTask CommitAsync(CancellationToken cancellationToken)
    {
        if (_committed != _from)
        {
            await assignment.CommitAsync(_from, cancellationToken).ConfigureAwait(false);
            _committed = _from;
            _commitTime = Time.GetTimestamp();
        }
    }
}
