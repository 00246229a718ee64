using Monitoring.Replay.Evidence;

namespace Monitoring.Replay.Tests.Evidence;

public sealed class MerkleTreeTests
{
    /// <summary>The inputs and roots of the certificate-transparency project's reference tests.</summary>
    private static readonly string[] s_inputs = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];

    private static readonly string[] s_roots =
    [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    [Fact]
    public void Roots_equal_the_reference_and_the_frontier()
    {
        var leaves = s_inputs.SelectMany(i => CanonicalRecord.LeafHash(Convert.FromHexString(i))).ToArray();
        var frontier = new MerkleFrontier();
        Assert.Equal("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", Convert.ToHexStringLower(frontier.Root()));
        for (var n = 1; n <= 8; n++)
        {
            var next = leaves.AsSpan((n - 1) * 32, 32).ToArray();
            Assert.Equal(s_roots[n - 1], Convert.ToHexStringLower(frontier.RootWith(next)));
            frontier.Append(next);
            Assert.Equal(s_roots[n - 1], Convert.ToHexStringLower(frontier.Root()));
            Assert.Equal(s_roots[n - 1], Convert.ToHexStringLower(MerkleTree.Root(leaves.AsSpan(0, n * 32))));
        }
    }

    [Fact]
    public void Inclusion_holds_for_the_right_leaf_only()
    {
        for (var n = 1; n <= 40; n++)
        {
            var leaves = Leaves(n);
            var root = MerkleTree.Root(leaves);
            for (var i = 0; i < n; i++)
            {
                var proof = MerkleTree.InclusionProof(leaves, i);
                Assert.True(MerkleTree.VerifyInclusion(Leaf(leaves, i), i, n, proof, root));
                for (var j = 0; j < n; j++)
                {
                    Assert.Equal(i == j, MerkleTree.VerifyInclusion(Leaf(leaves, j), i, n, proof, root));
                    Assert.Equal(i == j, MerkleTree.VerifyInclusion(Leaf(leaves, i), j, n, proof, root));
                }

                Assert.False(MerkleTree.VerifyInclusion(Leaf(leaves, i), i, n, [.. proof, new byte[32]], root));
                if (proof.Length > 0)
                {
                    Assert.False(MerkleTree.VerifyInclusion(Leaf(leaves, i), i, n, proof[1..], root));
                }
            }
        }
    }

    [Fact]
    public void Consistency_holds_for_prefixes_only()
    {
        for (var n = 0; n <= 40; n++)
        {
            var leaves = Leaves(n);
            var root = MerkleTree.Root(leaves);
            for (var m = 0; m <= n; m++)
            {
                var old = MerkleTree.Root(leaves.AsSpan(0, m * 32));
                var proof = MerkleTree.ConsistencyProof(leaves, m);
                Assert.True(MerkleTree.VerifyConsistency(m, old, n, root, proof), $"{m} of {n}");
                if (m > 0)
                {
                    var other = (byte[])leaves.Clone();
                    other[(m - 1) * 32] ^= 1;
                    Assert.False(MerkleTree.VerifyConsistency(m, MerkleTree.Root(other.AsSpan(0, m * 32)), n, root, proof), $"rewritten {m} of {n}");
                    Assert.False(MerkleTree.VerifyConsistency(m, old, n, root, [.. proof, new byte[32]]));
                }
            }
        }
    }

    [Fact]
    public void Subset_proof_of_one_leaf_is_its_audit_path()
    {
        var leaves = Leaves(21);
        for (var i = 0; i < 21; i++)
        {
            var path = MerkleTree.InclusionProof(leaves, i).Select(Convert.ToHexString).Order();
            Assert.Equal(path, MerkleTree.SubsetProof(leaves, [i]).Select(Convert.ToHexString).Order());
        }
    }

    [Fact]
    public void Subset_proof_leads_to_the_root_and_nothing_else_does()
    {
        var random = new Random(6962);
        for (var round = 0; round < 2000; round++)
        {
            var n = random.Next(1, 70);
            var leaves = Leaves(n);
            var root = MerkleTree.Root(leaves);
            var indices = Enumerable.Range(0, n).Where(_ => random.NextDouble() < 0.4).DefaultIfEmpty(random.Next(n)).ToArray();
            var hashes = indices.SelectMany(i => Leaf(leaves, i).ToArray()).ToArray();
            var proof = MerkleTree.SubsetProof(leaves, indices);
            Assert.Equal(root, MerkleTree.RootFromSubset(n, indices, hashes, proof));

            var changed = (byte[])hashes.Clone();
            changed[random.Next(changed.Length)] ^= (byte)(1 << random.Next(8));
            Assert.NotEqual(root, MerkleTree.RootFromSubset(n, indices, changed, proof));
            Assert.Null(MerkleTree.RootFromSubset(n, indices, hashes, [.. proof, new byte[32]]));
            if (indices.Length > 1)
            {
                Assert.Null(MerkleTree.RootFromSubset(n, [.. indices.Reverse()], hashes, proof));
                Assert.NotEqual(root, MerkleTree.RootFromSubset(n, indices[1..], hashes[32..], proof));
            }
        }
    }

    private static byte[] Leaves(int count) => [.. Enumerable.Range(0, count).SelectMany(i => CanonicalRecord.LeafHash([(byte)i, 7]))];

    private static ReadOnlySpan<byte> Leaf(byte[] leaves, int index) => leaves.AsSpan(index * 32, 32);
}
