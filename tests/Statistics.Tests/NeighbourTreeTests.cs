namespace Monitoring.Statistics.Tests;

public sealed class NeighbourTreeTests
{
    /// <summary>Looking only where neighbours may be finds what looking at all rows finds, bit for bit: among ties, copies, constant columns, clusters and far outliers too.</summary>
    [Theory]
    [InlineData(1, 1, 5)]
    [InlineData(16, 2, 3)]
    [InlineData(17, 3, 4)]
    [InlineData(300, 1, 3)]
    [InlineData(1000, 6, 3)]
    [InlineData(4097, 5, 5)]
    [InlineData(9000, 3, 1)]
    [InlineData(700, 12, 20)]
    public void Tree_answers_as_the_scan_does(int n, int columns, int k)
    {
        var random = new Random(n + columns);
        double[] Rows(int rows) =>
        [
            .. Enumerable.Range(0, rows).SelectMany(_ =>
            {
                var (cluster, far) = (random.Next(4), random.Next(50) == 0);
                return Enumerable.Range(0, columns).Select(c => (c % 4) switch
                {
                    0 => (float)(cluster + random.NextDouble()),
                    1 => random.Next(3),
                    2 => 7.0,
                    _ => (float)(far ? 1e20 * (random.NextDouble() - 0.5) : random.NextDouble() * cluster),
                }).ToArray();
            }),
        ];

        var reference = Rows(n);
        double[] queries = [.. Rows(200), .. reference.AsSpan(0, columns)];
        var (scan, tree) = (new NearestNeighbours(reference, columns, tree: false), new NearestNeighbours(reference, columns, tree: true));
        foreach (var self in new[] { -1, 0 })
        {
            var rows = self < 0 ? queries : reference;
            var kept = Math.Min(k, n - (self < 0 ? 0 : 1));
            if (kept == 0)
            {
                continue;
            }

            int[] expected = new int[rows.Length / columns * kept], actual = new int[expected.Length];
            double[] expectedDistances = new double[expected.Length], distances = new double[expected.Length];
            scan.Find(rows, kept, expected, expectedDistances, self);
            tree.Find(rows, kept, actual, distances, self);
            Assert.Equal(expectedDistances, distances);
            Assert.Equal(expected, actual);
        }
    }
}
