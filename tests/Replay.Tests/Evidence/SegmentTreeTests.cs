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
    public void Sixteen_side_by_side_are_those_of_the_platform_whatever_the_lengths()
    {
        if (!Sha256Lanes.IsSupported)
        {
            Assert.Skip("this processor has no AVX-512: leaves are hashed one by one");
        }

        var random = new Random(5);
        var lengths = Enumerable.Range(0, 300).Concat([4095, 4096, 4097]).ToList();
        for (var round = 0; round < 60; round++)
        {
            var messages = Enumerable.Range(0, 1 + random.Next(Sha256Lanes.Lanes)).Select(i => new byte[lengths[round < 20 ? ((round * Sha256Lanes.Lanes) + i) % lengths.Count : random.Next(lengths.Count)]]).ToList();
            var (starts, blocks, data) = (new List<int>(), new List<int>(), new List<byte>());
            foreach (var message in messages)
            {
                random.NextBytes(message);
                var padded = new byte[Sha256Lanes.Blocks(message.Length) * Sha256Lanes.BlockBytes];
                Array.Fill(padded, (byte)0xff);
                message.CopyTo(padded, 0);
                Sha256Lanes.Pad(padded, message.Length);
                starts.Add(data.Count);
                blocks.Add(padded.Length / Sha256Lanes.BlockBytes);
                data.AddRange(padded);
            }

            var hashes = new byte[messages.Count * 32];
            Sha256Lanes.Compute([.. data], [.. starts], [.. blocks], hashes);
            for (var i = 0; i < messages.Count; i++)
            {
                Assert.Equal(SHA256.HashData(messages[i]), hashes.AsSpan(i * 32, 32));
            }
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Root_is_that_of_the_tree_over_the_same_leaves_and_a_cleared_tree_starts_anew(bool sideBySide)
    {
        if (sideBySide && !Sha256Lanes.IsSupported)
        {
            Assert.Skip("this processor has no AVX-512: leaves are hashed one by one");
        }

        using var tree = new SegmentTree(200) { SideBySide = sideBySide };
        var random = new Random(4);
        foreach (var count in Enumerable.Range(0, 65).Concat([127, 128, 129, 200]))
        {
            tree.Clear();
            var leaves = new List<byte>();
            for (var i = 0; i < count; i++)
            {
                // Mostly alike, as records are; now and then one that is far longer, or too long to wait.
                var record = new byte[1 + random.Next(random.Next(20) == 0 ? 6000 : 200)];
                random.NextBytes(record);
                record[0] = 0;
                tree.Add(record);
                leaves.AddRange(SHA256.HashData(record));
                if (random.Next(30) == 0)
                {
                    // Asked in between: nothing is lost or counted twice.
                    Assert.Equal(MerkleTree.Root([.. leaves]), tree.Root());
                }
            }

            Assert.Equal(MerkleTree.Root([.. leaves]), tree.Root());

            // Asked twice it is the same: the leaves stay.
            Assert.Equal(MerkleTree.Root([.. leaves]), tree.Root());
            Assert.Equal(count, tree.Count);
        }
    }
}
