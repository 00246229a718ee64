using System.Text;
using Monitoring.Contracts;

namespace Monitoring.Replay.Evidence;

/// <summary>The bytes of a checkpoint that are hashed and signed; both start with a name of their own, so that neither can stand for the other.</summary>
internal static class CheckpointBytes
{
    /// <summary>Leaf of the chain's tree: everything but chain root and signature.</summary>
    public static byte[] LeafHash(Checkpoint checkpoint)
    {
        var buffer = new byte[512 + Encoding.UTF8.GetByteCount(checkpoint.Topic) + checkpoint.Root.Length + checkpoint.Previous.Length + checkpoint.KeyId.Length];
        var writer = new CanonicalRecord.Writer(buffer);
        writer.Byte(0);
        writer.Text("monitoring.checkpoint.v1");
        writer.Text(checkpoint.Topic);
        writer.Int32(checkpoint.Partition);
        writer.Int64(checkpoint.Index);
        writer.Int64(checkpoint.FromOffset);
        writer.Int64(checkpoint.ToOffset);
        writer.Int32(checkpoint.Records);
        writer.Int64(checkpoint.FirstTimeUnixNano);
        writer.Int64(checkpoint.LastTimeUnixNano);
        writer.Bytes(checkpoint.Root.Span);
        writer.Bytes(checkpoint.Previous.Span);
        writer.Text(checkpoint.KeyId);
        var hash = new byte[MerkleTree.HashSize];
        MerkleTree.HashLeaf(buffer.AsSpan(0, writer.Position), hash);
        return hash;
    }

    /// <summary>What is signed: the chain's root at a size.</summary>
    public static byte[] Signed(string topic, int partition, long size, ReadOnlySpan<byte> chainRoot)
    {
        var buffer = new byte[128 + Encoding.UTF8.GetByteCount(topic) + chainRoot.Length];
        var writer = new CanonicalRecord.Writer(buffer);
        writer.Text("monitoring.chain-root.v1");
        writer.Text(topic);
        writer.Int32(partition);
        writer.Int64(size);
        writer.Bytes(chainRoot);
        return buffer[..writer.Position];
    }
}
