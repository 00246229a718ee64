using System.Security.Cryptography;
using Monitoring.EventLog;

namespace Monitoring.Replay.Evidence;

/// <summary>
/// Hashes the records of one partition as they arrive and seals every <see cref="EvidenceOptions.SegmentRecords"/> of them, or what
/// is there once the oldest is <see cref="EvidenceOptions.SegmentAge"/> older than the newest. The chain is the state: a restart
/// resumes behind the last sealed record and hashes the rest again.
/// </summary>
internal sealed class CheckpointProcessor(IEventLog log, SigningKey key, EvidenceOptions options, PartitionAssignment assignment) : IPartitionProcessor
{
    /// <summary>Told the number of records after every checkpoint.</summary>
    public Action<int>? Sealed { get; init; }

    private readonly CheckpointChain _chain = new(assignment.Topic, assignment.Partition);
    private readonly byte[] _leaves = new byte[options.SegmentRecords * MerkleTree.HashSize];
    private readonly IncrementalHash _sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private byte[] _buffer = new byte[8192];
    private int _count;
    private long _from;
    private long _next;
    private long _firstTime;
    private long _lastTime;

    public async ValueTask<long?> StartAsync(CancellationToken cancellationToken)
    {
        await _chain.RefreshAsync(log, cancellationToken).ConfigureAwait(false);
        var offsets = await log.GetOffsetsAsync(assignment.Topic, assignment.Partition, cancellationToken).ConfigureAwait(false);

        // Records that were retired before they were sealed stay visible as a gap between two checkpoints.
        _from = _next = Math.Max(_chain.NextOffset ?? 0, offsets.Start);
        _count = 0;
        return _next;
    }

    public async ValueTask ProcessAsync(IReadOnlyList<LogEntry> batch, CancellationToken cancellationToken)
    {
        foreach (var entry in batch)
        {
            if (entry.Offset < _next)
            {
                continue;
            }

            if (_count > 0 && entry.TimeUnixNano - _firstTime > options.SegmentAge.Ticks * 100)
            {
                await SealAsync(cancellationToken).ConfigureAwait(false);
            }

            if (_count == 0)
            {
                _firstTime = entry.TimeUnixNano;
            }

            var length = CanonicalRecord.WriteLeaf(entry, ref _buffer);
            _sha.AppendData(_buffer.AsSpan(0, length));
            _sha.GetHashAndReset(_leaves.AsSpan(_count * MerkleTree.HashSize, MerkleTree.HashSize));
            _count++;
            _next = entry.Offset + 1;
            _lastTime = entry.TimeUnixNano;
            if (_count == options.SegmentRecords)
            {
                await SealAsync(cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>A clean stop seals the rest, so that an idle log is proved to its end.</summary>
    public async ValueTask StopAsync(bool lost, CancellationToken cancellationToken)
    {
        if (!lost && _count > 0)
        {
            await SealAsync(cancellationToken).ConfigureAwait(false);
        }

        _sha.Dispose();
    }

    private async ValueTask SealAsync(CancellationToken cancellationToken)
    {
        if (!assignment.MayWrite)
        {
            throw new EventLogException($"{assignment.Topic}/{assignment.Partition} may no longer be sealed by this process", isTransient: true);
        }

        var leaves = _leaves.AsMemory(0, _count * MerkleTree.HashSize);
        await _chain.SealAsync(log, key, MerkleTree.Root(leaves.Span, _sha), _count, _from, _next, _firstTime, _lastTime, cancellationToken).ConfigureAwait(false);
        await assignment.CommitAsync(_next, cancellationToken).ConfigureAwait(false);
        Sealed?.Invoke(_count);
        _from = _next;
        _count = 0;
    }
}
