namespace Monitoring.Replay.Evidence;

/// <summary>
/// The Merkle tree of a segment that is being filled: leaves one by one, the root when asked. Same tree as <see cref="MerkleTree.Root"/>. Where the processor can
/// (<see cref="Sha256Lanes"/>) leaves wait until there are sixteen to be hashed side by side.
/// </summary>
/// <param name="capacity">Most leaves.</param>
internal sealed class SegmentTree(int capacity) : IDisposable
{
    private const int Hash = MerkleTree.HashSize;
    private const int Lanes = Sha256Lanes.Lanes;
    private const int NodeBytes = 1 + (2 * Hash);

    /// <summary>Longer leaves are hashed alone: what they take to set up is nothing beside them.</summary>
    private const int LongLeaf = 4096;
    private static readonly int s_nodeBlocks = Sha256Lanes.Blocks(NodeBytes);
    private readonly byte[] _leaves = new byte[capacity * Hash];
    private readonly byte[] _level = new byte[capacity * Hash];
    private readonly Sha256 _sha = new();
    private readonly byte[] _node = new byte[NodeBytes];
    private readonly int[] _starts = new int[Lanes];
    private readonly int[] _blocks = new int[Lanes];
    private readonly int[] _lengths = new int[Lanes];
    private readonly int[] _places = new int[Lanes];
    private readonly byte[] _hashes = new byte[Lanes * Hash];
    private byte[] _waiting = [];
    private byte[] _nodes = [];
    private int _waits;
    private int _waitingBytes;

    /// <summary>Whether leaves and nodes are hashed side by side; false for tests of the other way.</summary>
    public bool SideBySide { get; init; } = Sha256Lanes.IsSupported;

    public int Count { get; private set; }

    /// <summary>Adds a record.</summary>
    /// <param name="prefixed">0x00 and its canonical bytes.</param>
    public void Add(ReadOnlySpan<byte> prefixed)
    {
        if (SideBySide && prefixed.Length <= LongLeaf)
        {
            Wait(prefixed);
        }
        else
        {
            _sha.Compute(prefixed, _leaves.AsSpan(Count * Hash, Hash));
        }

        Count++;
    }

    public void Clear()
    {
        Count = 0;
        (_waits, _waitingBytes) = (0, 0);
    }

    public byte[] Root()
    {
        var count = Count;
        if (count == 0)
        {
            return MerkleTree.EmptyRoot;
        }

        HashWaiting();
        _leaves.AsSpan(0, count * Hash).CopyTo(_level);
        while (count > 1)
        {
            var parents = count / 2;
            HashNodes(parents);
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

    private void Wait(ReadOnlySpan<byte> leaf)
    {
        if (_waiting.Length == 0)
        {
            _waiting = new byte[Lanes * Sha256Lanes.Blocks(LongLeaf) * Sha256Lanes.BlockBytes];
        }

        var blocks = Sha256Lanes.Blocks(leaf.Length);
        var target = _waiting.AsSpan(_waitingBytes, blocks * Sha256Lanes.BlockBytes);
        leaf.CopyTo(target);
        Sha256Lanes.Pad(target, leaf.Length);
        (_starts[_waits], _blocks[_waits], _lengths[_waits], _places[_waits]) = (_waitingBytes, blocks, leaf.Length, Count);
        _waitingBytes += target.Length;
        if (++_waits == Lanes)
        {
            HashWaiting();
        }
    }

    private void HashWaiting()
    {
        if (_waits == 0)
        {
            return;
        }

        var (longest, total) = (0, 0);
        for (var i = 0; i < _waits; i++)
        {
            longest = Math.Max(longest, _blocks[i]);
            total += _blocks[i];
        }

        // Of few leaves, or with one far longer than the others, most lanes would have nothing to do.
        if (2 * total >= longest * Lanes)
        {
            Sha256Lanes.Compute(_waiting, _starts.AsSpan(0, _waits), _blocks, _hashes);
            for (var i = 0; i < _waits; i++)
            {
                _hashes.AsSpan(i * Hash, Hash).CopyTo(_leaves.AsSpan(_places[i] * Hash));
            }
        }
        else
        {
            for (var i = 0; i < _waits; i++)
            {
                _sha.Compute(_waiting.AsSpan(_starts[i], _lengths[i]), _leaves.AsSpan(_places[i] * Hash, Hash));
            }
        }

        (_waits, _waitingBytes) = (0, 0);
    }

    /// <summary>The first <paramref name="parents"/> pairs of the level become the level above, at its start.</summary>
    private void HashNodes(int parents)
    {
        var done = 0;
        if (SideBySide)
        {
            var stride = s_nodeBlocks * Sha256Lanes.BlockBytes;
            if (_nodes.Length == 0)
            {
                _nodes = new byte[Lanes * stride];
                for (var lane = 0; lane < Lanes; lane++)
                {
                    _nodes[lane * stride] = 1;
                    Sha256Lanes.Pad(_nodes.AsSpan(lane * stride, stride), NodeBytes);
                }
            }

            Span<int> starts = stackalloc int[Lanes];
            Span<int> blocks = stackalloc int[Lanes];
            for (var lane = 0; lane < Lanes; lane++)
            {
                (starts[lane], blocks[lane]) = (lane * stride, s_nodeBlocks);
            }

            for (; done + Lanes <= parents; done += Lanes)
            {
                for (var lane = 0; lane < Lanes; lane++)
                {
                    _level.AsSpan(2 * (done + lane) * Hash, 2 * Hash).CopyTo(_nodes.AsSpan((lane * stride) + 1));
                }

                Sha256Lanes.Compute(_nodes, starts, blocks, _level.AsSpan(done * Hash, Lanes * Hash));
            }
        }

        _node[0] = 1;
        for (; done < parents; done++)
        {
            _level.AsSpan(2 * done * Hash, 2 * Hash).CopyTo(_node.AsSpan(1));
            _sha.Compute(_node, _level.AsSpan(done * Hash, Hash));
        }
    }
}
