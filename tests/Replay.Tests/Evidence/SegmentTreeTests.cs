using System.Security.Cryptography;
using Monitoring.Replay.Evidence;

namespace Monitoring.Replay.Tests.Evidence;

public sealed class SegmentTreeTests
{
    [Fact]
    public void Hashes_are_those_of_the_platform_whatever_the_length()
    {
        using var sha = new Sha256();
        var random = new Random(3);
        Span<byte> hash = stackalloc byte[32];
        foreach (var length in Enumerable.Range(0, 300).Concat([4095, 4096, 4097, 100_000]))
        {
            var message = new byte[length];
            random.NextBytes(message);
            sha.Compute(message, hash);
            Assert.Equal(SHA256.HashData(message), hash);
        }
    }

    [Fact]
    public void Root_is_that_of_the_tree_over_the_same_leaves_and_a_cleared_tree_starts_anew()
    {
        using var tree = new SegmentTree(64);
        var random = new Random(4);
        for (var count = 0; count <= 64; count++)
        {
            tree.Clear();
            var leaves = new List<byte>();
            for (var i = 0; i < count; i++)
            {
                var record = new byte[1 + random.Next(200)];
                random.NextBytes(record);
                record[0] = 0;
                tree.Add(record);
                leaves.AddRange(SHA256.HashData(record));
            }

            Assert.Equal(MerkleTree.Root([.. leaves]), tree.Root());

            // Asked twice it is the same: the leaves stay.
            Assert.Equal(MerkleTree.Root([.. leaves]), tree.Root());
            Assert.Equal(count, tree.Count);
        }
    }
}
