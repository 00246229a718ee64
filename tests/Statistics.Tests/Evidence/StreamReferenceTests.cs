namespace Monitoring.Statistics.Tests;

public sealed class StreamReferenceTests
{
    [Fact]
    public void Bins_of_a_continuous_reference_hold_equal_mass()
    {
        var reference = StreamReference.Numeric(Samples.Gaussian(1, 999));
        Assert.Equal([4, 8, 20], reference.Bins);
        foreach (var partition in reference.Partitions)
        {
            Assert.Equal(1_000, partition.Total(0));
            foreach (var m in partition.Mass(0)[..partition.Bins])
            {
                Assert.Equal(1_000.0 / partition.Bins, m);
            }
        }
    }

    [Theory]
    [InlineData(80, new[] { 4 })]
    [InlineData(160, new[] { 4, 8 })]
    [InlineData(399, new[] { 4, 8 })]
    [InlineData(400, new[] { 4, 8, 20 })]
    public void Fewer_values_give_fewer_partitions(int count, int[] bins) =>
        Assert.Equal(bins, StreamReference.Numeric(Samples.Gaussian(1, count)).Bins);

    [Fact]
    public void Too_few_values_or_wrong_slots_are_refused()
    {
        Assert.Throws<ArgumentException>(() => StreamReference.Numeric(Samples.Gaussian(1, 79)));
        Assert.Throws<ArgumentException>(() => StreamReference.Numeric([]));
        Assert.Throws<ArgumentException>(() => StreamReference.Numeric(Samples.Gaussian(1, 100), [0, 1], 2));
        Assert.Throws<ArgumentException>(() => StreamReference.Numeric(Samples.Gaussian(1, 100), new int[100].Select(_ => 2).ToArray(), 2));
        Assert.Throws<ArgumentException>(() => StreamReference.Numeric(Enumerable.Repeat(double.NaN, 500).ToArray()));
    }

    /// <summary>A pixel that is mostly 0: an atom with its own mass, the rest cut evenly.</summary>
    [Fact]
    public void Atoms_are_bins_of_their_own()
    {
        var random = new Random(2);
        double[] values = [.. Enumerable.Range(0, 2_000).Select(i => i < 1_400 ? 0 : 1 + random.NextDouble())];
        var reference = StreamReference.Numeric(values);
        foreach (var partition in reference.Partitions)
        {
            Assert.Equal(1, partition.OwnBins);
            Assert.Equal(0, partition.BinOf(0, 123, 0));
            Assert.Equal(0, partition.BinOf(-0.0, 123, 0));
            Assert.Equal(1_400.5, partition.Mass(0)[0]);
            Assert.NotEqual(0, partition.BinOf(1e-300, 123, 0));
            Assert.Equal(2_001.5, partition.Total(0));
        }
    }

    /// <summary>Ties below an atom's mass are spread over the cut by the tie-break, so that bins keep their share.</summary>
    [Fact]
    public void Other_ties_are_broken_at_random_but_reproducibly()
    {
        // Fifty values of 2 % each: no atoms for k = 20 (2.5 %), every cut falls into a run of ties.
        var random = new Random(3);
        var reference = StreamReference.Numeric([.. Enumerable.Range(0, 10_000).Select(i => (double)(i % 50))]);
        var partition = reference.Partitions[2];
        Assert.Equal(0, partition.OwnBins);
        var counts = new int[20];
        for (var i = 0; i < 200_000; i++)
        {
            counts[partition.BinOf(random.Next(50), Mixing.Mix((ulong)i), 0)]++;
        }

        // Expected 10,000 each, ±4 sd of the draws and of the reference's own tie-breaks.
        Assert.All(counts, c => Assert.InRange(c, 9_000, 11_000));
        Assert.Equal(partition.BinOf(17, 99, 0), partition.BinOf(17, 99, 0));
    }

    [Fact]
    public void Categories_have_bins_groups_and_unseen()
    {
        // 1,000 of A, 600 of B, 400 over 200 rare ones of 2 each.
        double[] codes = [.. Enumerable.Range(0, 2_000).Select(i => i < 1_000 ? 1_000.0 : i < 1_600 ? 2_000 : i / 2)];
        var reference = StreamReference.Categorical(codes);
        var partition = reference.Partitions[2];
        Assert.Equal(7, partition.Bins);
        Assert.Equal(1_000.5, partition.Mass(0)[partition.BinOf(1_000, 0, 0)]);
        Assert.Equal(600.5, partition.Mass(0)[partition.BinOf(2_000, 0, 0)]);
        Assert.Equal(partition.Bins - 1, partition.BinOf(5, 0, 0));
        Assert.Equal(0.5, partition.Mass(0)[partition.Bins - 1]);
    }

    /// <summary>Good–Turing: with a long tail, the mass put on "unseen" is what new draws find unseen, within a factor.</summary>
    [Fact]
    public void Unseen_mass_of_a_long_tail_is_about_right()
    {
        var random = new Random(4);
        double Zipf() => Math.Floor(Math.Pow(random.NextDouble(), -1.5));
        double[] codes = [.. Enumerable.Range(0, 5_000).Select(_ => Zipf())];
        var reference = StreamReference.Categorical(codes);
        foreach (var partition in reference.Partitions)
        {
            var unseen = Enumerable.Range(0, 50_000).Count(_ => partition.BinOf(Zipf(), 0, 0) == partition.Bins - 1) / 50_000.0;
            var promised = partition.Mass(0)[partition.Bins - 1] / partition.Total(0);
            Assert.InRange(promised / unseen, 0.8, 1.25);
        }
    }

    [Fact]
    public void Bytes_are_canonical()
    {
        var slots = Enumerable.Range(0, 3_000).Select(i => i % 4).ToArray();
        foreach (var reference in new[]
        {
            StreamReference.Numeric(Samples.Gaussian(5, 3_000), slots, 4),
            StreamReference.Categorical([.. slots.Select(s => (double)(s * s))], slots, 4),
        })
        {
            var bytes = reference.ToBytes();
            Assert.Equal(bytes, StreamReference.FromBytes(bytes).ToBytes());
            Assert.Equal(reference.Count, StreamReference.FromBytes(bytes).Count);
            for (var length = 0; length < bytes.Length; length += 7)
            {
                Assert.Throws<InvalidDataException>(() => StreamReference.FromBytes(bytes.AsSpan(0, length)));
            }
        }
    }
}
