using System.Numerics.Tensors;

namespace Monitoring.Statistics.Tests;

/// <summary>The search answers as sorting all distances in double does, whatever single precision makes of the rows.</summary>
public sealed class NearestNeighbourTests
{
    [Theory]
    [InlineData("gaussian")]
    [InlineData("grid")]
    [InlineData("duplicates")]
    [InlineData("offset")]
    [InlineData("far reference row")]
    [InlineData("far queries")]
    [InlineData("near duplicates")]
    [InlineData("huge")]
    public void Answers_are_those_of_sorting_all_distances(string data)
    {
        foreach (var (n, columns, k) in new[] { (500, 30, 5), (203, 7, 20), (17, 3, 4), (5, 1, 5), (1_000, 2, 1) })
        {
            var random = new Random(n);
            double[] reference = Rows(data, n, columns, random), queries = [.. Rows(data, 41, columns, random), .. reference.AsSpan(0, columns)];
            if (data == "far reference row")
            {
                reference.AsSpan(0, columns).Fill(1e7);
            }

            if (data == "far queries")
            {
                TensorPrimitives.Multiply(queries, 1e6, queries);
            }

            foreach (var tree in new[] { false, true })
            {
                var search = new NearestNeighbours(reference, columns, tree);
                Compare(search, reference, queries, columns, k, self: -1);
                Compare(search, reference, reference, columns, Math.Min(k, n - 1), self: 0);
            }
        }
    }

    private static void Compare(NearestNeighbours search, double[] reference, double[] queries, int columns, int k, int self)
    {
        int count = queries.Length / columns, n = reference.Length / columns;
        var indices = new int[count * k];
        var distances = new double[count * k];
        search.Find(queries, k, indices, distances, self);
        for (var q = 0; q < count; q++)
        {
            var expected = Enumerable.Range(0, n).Where(r => self < 0 || r != self + q)
                .Select(r => (Distance: TensorPrimitives.Distance<double>(queries.AsSpan(q * columns, columns), reference.AsSpan(r * columns, columns)), Index: r))
                .OrderBy(r => r.Distance).ThenBy(r => r.Index).Take(k).ToArray();
            Assert.Equal(expected.Select(e => e.Distance), distances.AsSpan(q * k, k).ToArray());
            Assert.Equal(expected.Select(e => e.Index), indices.AsSpan(q * k, k).ToArray());
        }
    }

    private static double[] Rows(string data, int rows, int columns, Random random) => [.. Enumerable.Range(0, rows * columns).Select(_ => data switch
    {
        "grid" => random.Next(4),
        "duplicates" => random.Next(2),
        "offset" => 1e6 + random.NextDouble(),
        "near duplicates" => 1 + (1e-9 * random.Next(1_000)),
        "huge" => 1e30 * (random.NextDouble() - 0.5),
        _ => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()),
    })];
}
