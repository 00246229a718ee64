using Monitoring.Contracts;
using Monitoring.EventLog;

namespace Monitoring.Replay.Evidence;

/// <summary>Checks the log against its own checkpoints: whether what was sealed is still what the log holds.</summary>
internal sealed class LogAudit(IEventLog log)
{
    /// <summary>Audits a topic.</summary>
    /// <param name="topic">Topic.</param>
    /// <param name="keys">Keys that may have signed, by id.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public async Task<AuditReport> RunAsync(string topic, IReadOnlyDictionary<string, VerificationKey> keys, CancellationToken cancellationToken)
    {
        var failures = new List<VerificationFailure>();
        long records = 0, retired = 0;
        var checkpoints = 0;
        var partitions = await log.GetPartitionCountAsync(topic, cancellationToken).ConfigureAwait(false);
        for (var p = 0; p < partitions; p++)
        {
            var chain = new CheckpointChain(topic, p);
            await chain.RefreshAsync(log, cancellationToken).ConfigureAwait(false);
            if (chain.Rejected > 0)
            {
                failures.Add(new VerificationFailure("chain", $"{topic}/{p}", $"{chain.Rejected} checkpoints do not continue the chain"));
            }

            var start = (await log.GetOffsetsAsync(topic, p, cancellationToken).ConfigureAwait(false)).Start;
            long? expected = null;
            foreach (var checkpoint in chain.Checkpoints)
            {
                checkpoints++;
                var where = $"{topic}/{p}, segment {checkpoint.Index} (offsets {checkpoint.FromOffset} to {checkpoint.ToOffset - 1})";
                if (!keys.TryGetValue(checkpoint.KeyId, out var key))
                {
                    failures.Add(new VerificationFailure("key", where, $"signed with key {checkpoint.KeyId}, which is not trusted"));
                }
                else if (!key.Verify(CheckpointBytes.Signed(topic, p, checkpoint.Index + 1, checkpoint.ChainRoot.Span), checkpoint.Signature.Span))
                {
                    failures.Add(new VerificationFailure("checkpoint-signature", where, "the signature does not fit"));
                }

                if (expected is { } next && checkpoint.FromOffset > next)
                {
                    failures.Add(new VerificationFailure("gap", where, $"offsets {next} to {checkpoint.FromOffset - 1} were never sealed"));
                }

                expected = checkpoint.ToOffset;
                if (checkpoint.FromOffset < start)
                {
                    retired += checkpoint.Records;
                    continue;
                }

                var hashes = await HashAsync(topic, p, checkpoint, cancellationToken).ConfigureAwait(false);
                records += hashes.Length / MerkleTree.HashSize;
                if (!checkpoint.Root.Span.SequenceEqual(MerkleTree.Root(hashes)))
                {
                    failures.Add(new VerificationFailure("segment-root", where, $"the log was changed after it was sealed ({checkpoint.Records} records sealed, {hashes.Length / MerkleTree.HashSize} there)"));
                }
            }
        }

        return new AuditReport(topic, checkpoints, records, retired, failures);
    }

    private async Task<byte[]> HashAsync(string topic, int partition, Checkpoint checkpoint, CancellationToken cancellationToken)
    {
        var hashes = new List<byte>(checkpoint.Records * MerkleTree.HashSize);
        byte[] buffer = [];
        var hash = new byte[MerkleTree.HashSize];
        await foreach (var entry in log.ReadAsync(topic, partition, checkpoint.FromOffset, checkpoint.ToOffset, cancellationToken).ConfigureAwait(false))
        {
            var length = CanonicalRecord.WriteLeaf(entry, ref buffer);
            MerkleTree.HashLeaf(buffer.AsSpan(0, length), hash);
            hashes.AddRange(hash);
        }

        return [.. hashes];
    }
}

/// <summary>The outcome of an audit.</summary>
/// <param name="Topic">Topic.</param>
/// <param name="Checkpoints">Checkpoints read.</param>
/// <param name="Records">Records hashed again.</param>
/// <param name="Retired">Sealed records that retention has removed since.</param>
/// <param name="Failures">What is wrong.</param>
internal sealed record AuditReport(string Topic, int Checkpoints, long Records, long Retired, IReadOnlyList<VerificationFailure> Failures);
