namespace Monitoring.Replay.Evidence;

/// <summary>The right edge of a growing tree: the roots of its complete subtrees, largest first. Appending and the root cost O(log n) hashes.</summary>
internal sealed class MerkleFrontier
{
    private readonly Stack<(long Size, byte[] Root)> _subtrees = new();

    public long Size { get; private set; }

    public void Append(byte[] leafHash)
    {
        var size = 1L;
        var root = leafHash;
        while (_subtrees.TryPeek(out var left) && left.Size == size)
        {
            _subtrees.Pop();
            var parent = new byte[MerkleTree.HashSize];
            MerkleTree.HashNode(left.Root, root, parent);
            root = parent;
            size *= 2;
        }

        _subtrees.Push((size, root));
        Size++;
    }

    public byte[] Root()
    {
        byte[]? root = null;
        foreach (var (_, subtree) in _subtrees)
        {
            if (root is null)
            {
                root = subtree;
                continue;
            }

            var parent = new byte[MerkleTree.HashSize];
            MerkleTree.HashNode(subtree, root, parent);
            root = parent;
        }

        return root ?? MerkleTree.EmptyRoot;
    }

    /// <summary>Root after one more leaf, without adding it.</summary>
    public byte[] RootWith(byte[] leafHash)
    {
        var root = leafHash;
        foreach (var (_, subtree) in _subtrees)
        {
            var parent = new byte[MerkleTree.HashSize];
            MerkleTree.HashNode(subtree, root, parent);
            root = parent;
        }

        return root;
    }
}
