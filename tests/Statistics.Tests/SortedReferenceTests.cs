namespace Monitoring.Statistics.Tests;

public sealed class SortedReferenceTests
{
    [Fact]
    public void Ranks_are_those_of_a_plain_count()
    {
        for (var seed = 0; seed < 60; seed++)
        {
            // Ties, clusters that fill a cell, values far out, none at all.
            var random = new Random(seed);
            var values = Enumerable.Range(0, seed % 7 == 0 ? seed / 7 : random.Next(1, 400)).Select(_ => Value(random, seed)).ToArray();
            var reference = new SortedReference(values);
            double[] sorted = [.. values.Where(double.IsFinite).Order()];
            Assert.Equal(sorted.Length, reference.Count);
            Assert.Equal(sorted, reference.Values.ToArray());
            Assert.Equal(values.Length - sorted.Length, reference.NonFinite);
            double[] asked = [.. values.Where(v => !double.IsNaN(v)), .. values.Where(double.IsFinite).SelectMany(v => new[] { Math.BitDecrement(v), Math.BitIncrement(v) }), .. Enumerable.Range(0, 200).Select(_ => Value(random, seed)).Where(v => !double.IsNaN(v)), double.NegativeInfinity, double.PositiveInfinity, double.MinValue, double.MaxValue, 0, -0.0];
            foreach (var value in asked)
            {
                Assert.Equal(sorted.Count(v => v < value), reference.CountBelow(value));
                Assert.Equal(sorted.Count(v => v <= value), reference.CountAtOrBelow(value));
            }
        }

        static double Value(Random random, int seed) => (seed % 5) switch
        {
            0 => random.NextDouble(),
            1 => random.Next(6),
            2 => random.Next(3) + (1e-9 * random.Next(30)),
            3 => random.Next(20) == 0 ? 1e300 * (random.NextDouble() - 0.5) : random.NextDouble(),
            _ => random.Next(12) == 0 ? double.NaN : random.Next(12) == 0 ? double.PositiveInfinity : Math.Exp(8 * random.NextDouble()),
        };
    }
}
