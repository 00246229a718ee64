using Google.Protobuf;
using Monitoring.Contracts;

namespace Monitoring.Replay.Evidence;

/// <summary>Why the records of one partition in a bundle are those of the log. Hashes and signatures in lower-case hexadecimal.</summary>
internal sealed record PartitionProof
{
    public required string Topic { get; init; }

    public required int Partition { get; init; }

    /// <summary>The chain's newest root when the bundle was made; null where nothing was sealed yet.</summary>
    public ChainHead? Head { get; init; }

    /// <summary>Earlier roots, for example out of notifications, proved to be prefixes of the head.</summary>
    public IReadOnlyList<EarlierRoot> Earlier { get; init; } = [];

    public required IReadOnlyList<SegmentProof> Segments { get; init; }

    internal sealed record ChainHead(long Size, string Root, string KeyId, string Signature);

    internal sealed record EarlierRoot(long Size, string Root, string[] Consistency);

    /// <summary>One sealed segment, or the tail that was not sealed yet (<see cref="Checkpoint"/> is null), which only the bundle's signature vouches for.</summary>
    internal sealed record SegmentProof
    {
        public CheckpointText? Checkpoint { get; init; }

        /// <summary>Audit path of the checkpoint in the chain's tree.</summary>
        public string[] Inclusion { get; init; } = [];

        public required int Records { get; init; }

        public required string Root { get; init; }

        /// <summary>Records of this segment that the bundle holds.</summary>
        public required IReadOnlyList<LeafText> Leaves { get; init; }

        /// <summary>See <see cref="MerkleTree.SubsetProof"/>.</summary>
        public required string[] Proof { get; init; }
    }

    /// <summary>A record's number in its segment, its offset, its leaf hash.</summary>
    internal sealed record LeafText(int Leaf, long Offset, string Hash);

    internal sealed record CheckpointText(long Index, long FromOffset, long ToOffset, int Records, long FirstTimeUnixNano, long LastTimeUnixNano, string Root, string Previous, string KeyId)
    {
        public static CheckpointText From(Checkpoint checkpoint) => new(
            checkpoint.Index,
            checkpoint.FromOffset,
            checkpoint.ToOffset,
            checkpoint.Records,
            checkpoint.FirstTimeUnixNano,
            checkpoint.LastTimeUnixNano,
            Convert.ToHexStringLower(checkpoint.Root.Span),
            Convert.ToHexStringLower(checkpoint.Previous.Span),
            checkpoint.KeyId);

        public Checkpoint ToCheckpoint(string topic, int partition) => new()
        {
            Topic = topic,
            Partition = partition,
            Index = Index,
            FromOffset = FromOffset,
            ToOffset = ToOffset,
            Records = Records,
            FirstTimeUnixNano = FirstTimeUnixNano,
            LastTimeUnixNano = LastTimeUnixNano,
            Root = ByteString.CopyFrom(Convert.FromHexString(Root)),
            Previous = ByteString.CopyFrom(Convert.FromHexString(Previous)),
            KeyId = KeyId,
        };
    }
}
