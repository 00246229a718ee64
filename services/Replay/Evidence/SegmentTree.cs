namespace Monitoring.Replay.Evidence;

/// <summary>The Merkle tree of a segment that is being filled: leaves one by one, the root when asked. Same tree as <see cref="MerkleTree.Root"/>.</summary>
/// <param name="capacity">Most leaves.</param>
internal sealed class SegmentTree(int capacity) : IDisposable
{
    private const int Hash = MerkleTree.HashSize;
    private readonly byte[] _leaves = new byte[capacity * Hash];
    private readonly byte[] _level = new byte[capacity * Hash];
    private readonly Sha256 _sha = new();
    private readonly byte[] _node = new byte[1 + (2 * Hash)];

    public int Count { get; private set; }

    /// <summary>Adds a record.</summary>
    /// <param name="prefixed">0x00 and its canonical bytes.</param>
    public void Add(ReadOnlySpan<byte> prefixed)
    {
        _sha.Compute(prefixed, _leaves.AsSpan(Count * Hash, Hash));
        Count++;
    }

    public void Clear() => Count = 0;

    public byte[] Root()
    {
        var count = Count;
        if (count == 0)
        {
            return MerkleTree.EmptyRoot;
        }

        _leaves.AsSpan(0, count * Hash).CopyTo(_level);
        _node[0] = 1;
        while (count > 1)
        {
            var parents = count / 2;
            for (var i = 0; i < parents; i++)
            {
                _level.AsSpan(2 * i * Hash, 2 * Hash).CopyTo(_node.AsSpan(1));
                _sha.Compute(_node, _level.AsSpan(i * Hash, Hash));
            }

            if ((count & 1) == 1)
            {
                _level.AsSpan((count - 1) * Hash, Hash).CopyTo(_level.AsSpan(parents * Hash));
                parents++;
            }

            count = parents;
        }

        return _level[..Hash];
    }

    public void Dispose() => _sha.Dispose();
}
