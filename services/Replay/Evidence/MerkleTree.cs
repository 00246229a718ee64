using System.Numerics;
using System.Security.Cryptography;

namespace Monitoring.Replay.Evidence;

/// <summary>
/// Merkle trees as in RFC 6962 section 2.1: leaf = SHA-256(0x00 ‖ data), node = SHA-256(0x01 ‖ left ‖ right), the left subtree
/// holds the largest power of two below the number of leaves. Lists of hashes are flat: n × 32 bytes.
/// </summary>
internal static class MerkleTree
{
    public const int HashSize = SHA256.HashSizeInBytes;

    /// <summary>Root of no leaves: SHA-256 of nothing.</summary>
    public static byte[] EmptyRoot => SHA256.HashData([]);

    /// <summary>Hash of a leaf. <paramref name="prefixed"/> starts with the byte 0x00, then the data: saves a copy per record.</summary>
    public static void HashLeaf(ReadOnlySpan<byte> prefixed, Span<byte> hash) => SHA256.HashData(prefixed, hash);

    public static void HashNode(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right, Span<byte> hash)
    {
        Span<byte> buffer = stackalloc byte[1 + (2 * HashSize)];
        buffer[0] = 1;
        left.CopyTo(buffer[1..]);
        right.CopyTo(buffer[(1 + HashSize)..]);
        SHA256.HashData(buffer, hash);
    }

    /// <summary>Root over <paramref name="leaves"/> (n × 32 bytes).</summary>
    public static byte[] Root(ReadOnlySpan<byte> leaves)
    {
        var count = leaves.Length / HashSize;
        if (count == 0)
        {
            return EmptyRoot;
        }

        // Pairing level by level and promoting an odd last node builds the same tree as the RFC's recursive split.
        var level = leaves.ToArray();
        while (count > 1)
        {
            var parents = count / 2;
            for (var i = 0; i < parents; i++)
            {
                HashNode(Hash(level, 2 * i), Hash(level, (2 * i) + 1), level.AsSpan(i * HashSize, HashSize));
            }

            if ((count & 1) == 1)
            {
                Hash(level, count - 1).CopyTo(level.AsSpan(parents * HashSize, HashSize));
                parents++;
            }

            count = parents;
        }

        return level[..HashSize];
    }

    /// <summary>Audit path of leaf <paramref name="index"/>, from the leaf upwards (RFC 6962, 2.1.1).</summary>
    public static byte[][] InclusionProof(ReadOnlySpan<byte> leaves, long index)
    {
        var count = leaves.Length / HashSize;
        if (index < 0 || index >= count)
        {
            throw new ArgumentOutOfRangeException(nameof(index), index, $"the tree has {count} leaves");
        }

        var path = new List<byte[]>();
        var position = (int)index;
        while (count > 1)
        {
            var left = LeftSize(count);
            if (position < left)
            {
                path.Add(Root(leaves[(left * HashSize)..]));
                leaves = leaves[..(left * HashSize)];
                count = left;
            }
            else
            {
                path.Add(Root(leaves[..(left * HashSize)]));
                leaves = leaves[(left * HashSize)..];
                position -= left;
                count -= left;
            }
        }

        path.Reverse();
        return [.. path];
    }

    /// <summary>Whether <paramref name="leaf"/> is leaf <paramref name="index"/> of the tree of <paramref name="size"/> leaves with this root (RFC 9162, 2.1.3.2).</summary>
    public static bool VerifyInclusion(ReadOnlySpan<byte> leaf, long index, long size, IReadOnlyList<byte[]> proof, ReadOnlySpan<byte> root)
    {
        if (index < 0 || index >= size || leaf.Length != HashSize)
        {
            return false;
        }

        var fn = index;
        var sn = size - 1;
        var hash = leaf.ToArray();
        foreach (var step in proof)
        {
            if (sn == 0 || step.Length != HashSize)
            {
                return false;
            }

            if ((fn & 1) == 1 || fn == sn)
            {
                HashNode(step, hash, hash);
                while ((fn & 1) == 0 && fn != 0)
                {
                    fn >>= 1;
                    sn >>= 1;
                }
            }
            else
            {
                HashNode(hash, step, hash);
            }

            fn >>= 1;
            sn >>= 1;
        }

        return sn == 0 && root.SequenceEqual(hash);
    }

    /// <summary>Proof that the tree of the first <paramref name="oldSize"/> leaves is a prefix of this one (RFC 6962, 2.1.2). Empty for equal sizes and for size 0.</summary>
    public static byte[][] ConsistencyProof(ReadOnlySpan<byte> leaves, long oldSize)
    {
        var count = leaves.Length / HashSize;
        if (oldSize < 0 || oldSize > count)
        {
            throw new ArgumentOutOfRangeException(nameof(oldSize), oldSize, $"the tree has {count} leaves");
        }

        if (oldSize == 0 || oldSize == count)
        {
            return [];
        }

        var proof = new List<byte[]>();
        AddConsistency(leaves, (int)oldSize, true, proof);
        return [.. proof];
    }

    /// <summary>Whether the tree with <paramref name="oldRoot"/> is a prefix of the one with <paramref name="newRoot"/> (RFC 9162, 2.1.4.2).</summary>
    public static bool VerifyConsistency(long oldSize, ReadOnlySpan<byte> oldRoot, long newSize, ReadOnlySpan<byte> newRoot, IReadOnlyList<byte[]> proof)
    {
        if (oldSize < 0 || oldSize > newSize || proof.Any(p => p.Length != HashSize))
        {
            return false;
        }

        if (oldSize == newSize)
        {
            return proof.Count == 0 && oldRoot.SequenceEqual(newRoot);
        }

        if (oldSize == 0)
        {
            return proof.Count == 0 && oldRoot.SequenceEqual(EmptyRoot);
        }

        var next = 0;
        var fn = oldSize - 1;
        var sn = newSize - 1;
        while ((fn & 1) == 1)
        {
            fn >>= 1;
            sn >>= 1;
        }

        byte[] first;
        if (BitOperations.IsPow2(oldSize))
        {
            first = oldRoot.ToArray();
        }
        else
        {
            if (proof.Count == 0)
            {
                return false;
            }

            first = proof[next++];
        }

        var oldHash = (byte[])first.Clone();
        var newHash = (byte[])first.Clone();
        for (; next < proof.Count; next++)
        {
            if (sn == 0)
            {
                return false;
            }

            var step = proof[next];
            if ((fn & 1) == 1 || fn == sn)
            {
                HashNode(step, oldHash, oldHash);
                HashNode(step, newHash, newHash);
                while ((fn & 1) == 0 && fn != 0)
                {
                    fn >>= 1;
                    sn >>= 1;
                }
            }
            else
            {
                HashNode(newHash, step, newHash);
            }

            fn >>= 1;
            sn >>= 1;
        }

        return sn == 0 && oldRoot.SequenceEqual(oldHash) && newRoot.SequenceEqual(newHash);
    }

    /// <summary>
    /// Proof for several leaves at once: the roots of the maximal subtrees that hold none of <paramref name="indices"/>, from left to right.
    /// For one leaf these are the hashes of its audit path, for a run of leaves those along its two edges.
    /// </summary>
    /// <param name="leaves">All leaves, n × 32 bytes.</param>
    /// <param name="indices">Increasing; at least one.</param>
    public static byte[][] SubsetProof(ReadOnlySpan<byte> leaves, ReadOnlySpan<int> indices)
    {
        var proof = new List<byte[]>();
        AddSubset(leaves, 0, indices, proof);
        return [.. proof];
    }

    /// <summary>The root of the tree of <paramref name="size"/> leaves that the given leaves and proof lead to, or null where they do not fit together.</summary>
    /// <param name="size">Leaves of the whole tree.</param>
    /// <param name="indices">Increasing, each below <paramref name="size"/>.</param>
    /// <param name="hashes">The leaves' hashes, 32 bytes each.</param>
    /// <param name="proof">As made by <see cref="SubsetProof"/>.</param>
    public static byte[]? RootFromSubset(int size, ReadOnlySpan<int> indices, ReadOnlySpan<byte> hashes, IReadOnlyList<byte[]> proof)
    {
        if (size < 1 || indices.Length == 0 || hashes.Length != indices.Length * HashSize)
        {
            return null;
        }

        for (var i = 0; i < indices.Length; i++)
        {
            if (indices[i] < 0 || indices[i] >= size || (i > 0 && indices[i] <= indices[i - 1]))
            {
                return null;
            }
        }

        var used = 0;
        var root = FromSubset(0, size, indices, hashes, proof, ref used);
        return used == proof.Count ? root : null;
    }

    private static void AddConsistency(ReadOnlySpan<byte> leaves, int oldSize, bool whole, List<byte[]> proof)
    {
        var count = leaves.Length / HashSize;
        if (oldSize == count)
        {
            if (!whole)
            {
                proof.Add(Root(leaves));
            }

            return;
        }

        var left = LeftSize(count);
        if (oldSize <= left)
        {
            AddConsistency(leaves[..(left * HashSize)], oldSize, whole, proof);
            proof.Add(Root(leaves[(left * HashSize)..]));
        }
        else
        {
            AddConsistency(leaves[(left * HashSize)..], oldSize - left, false, proof);
            proof.Add(Root(leaves[..(left * HashSize)]));
        }
    }

    private static void AddSubset(ReadOnlySpan<byte> leaves, int first, ReadOnlySpan<int> indices, List<byte[]> proof)
    {
        var count = leaves.Length / HashSize;
        if (indices.Length == 0)
        {
            proof.Add(Root(leaves));
            return;
        }

        if (indices.Length == count)
        {
            return;
        }

        var left = LeftSize(count);
        var split = Below(indices, first + left);
        AddSubset(leaves[..(left * HashSize)], first, indices[..split], proof);
        AddSubset(leaves[(left * HashSize)..], first + left, indices[split..], proof);
    }

    private static byte[]? FromSubset(int first, int count, ReadOnlySpan<int> indices, ReadOnlySpan<byte> hashes, IReadOnlyList<byte[]> proof, ref int used)
    {
        if (indices.Length == 0)
        {
            return used < proof.Count && proof[used].Length == HashSize ? proof[used++] : null;
        }

        if (indices.Length == count)
        {
            return Root(hashes);
        }

        var left = LeftSize(count);
        var split = Below(indices, first + left);
        var a = FromSubset(first, left, indices[..split], hashes[..(split * HashSize)], proof, ref used);
        var b = a is null ? null : FromSubset(first + left, count - left, indices[split..], hashes[(split * HashSize)..], proof, ref used);
        if (a is null || b is null)
        {
            return null;
        }

        var hash = new byte[HashSize];
        HashNode(a, b, hash);
        return hash;
    }

    private static int Below(ReadOnlySpan<int> indices, int limit)
    {
        var position = indices.BinarySearch(limit);
        return position < 0 ? ~position : position;
    }

    /// <summary>Largest power of two below <paramref name="count"/> ≥ 2.</summary>
    private static int LeftSize(int count) => 1 << BitOperations.Log2((uint)(count - 1));

    private static ReadOnlySpan<byte> Hash(ReadOnlySpan<byte> hashes, int index) => hashes.Slice(index * HashSize, HashSize);
}
