namespace Monitoring.Statistics.Tests;

public sealed class ShrunkMahalanobisTests
{
    /// <summary>The score without the row itself is what a fit on the other rows gives, but for terms of order 1/n.</summary>
    [Theory]
    [InlineData(200, 4, 0.02)]
    [InlineData(60, 20, 0.05)]
    [InlineData(25, 40, 0.25)]
    public void Reference_rows_are_scored_as_if_they_were_new(int rows, int columns, double bias)
    {
        var reference = Correlated(rows, columns, 1);
        var fitted = new ShrunkMahalanobis(reference, columns);
        double[] left = new double[rows], single = new double[1];
        for (var i = 0; i < rows; i++)
        {
            double[] others = [.. reference[..(i * columns)], .. reference[((i + 1) * columns)..]];
            new ShrunkMahalanobis(others, columns).Score(reference.AsSpan(i * columns, columns), single);
            left[i] = single[0];
        }

        // Row by row, and with no bias that a calibration would feel: with more columns than rows the shrinkage itself hangs on the row, and its own score is a little too high.
        for (var i = 0; i < rows; i++)
        {
            Assert.InRange(fitted.ReferenceScores[i] / left[i], 0.6, 1.6);
        }

        Assert.InRange(fitted.ReferenceScores.Zip(left, (a, b) => Math.Log(a / b)).Average(), -0.05, bias);
    }

    [Fact]
    public void Units_do_not_matter()
    {
        var reference = Correlated(100, 5, 2);
        var scaled = reference.Select((v, i) => v * Math.Pow(1000, (i % 5) - 2)).ToArray();
        double[] a = new double[100], b = new double[100];
        new ShrunkMahalanobis(reference, 5).Score(reference, a);
        new ShrunkMahalanobis(scaled, 5).Score(scaled, b);
        Assert.All(a.Zip(b), pair => Assert.Equal(pair.First, pair.Second, 1e-6 * pair.First));
    }

    /// <summary>More columns than rows, copies of one row, constant columns: a finite number.</summary>
    [Theory]
    [InlineData(2, 30)]
    [InlineData(30, 1)]
    public void Degenerate_references_have_finite_scores(int rows, int columns)
    {
        foreach (var reference in new[] { Correlated(rows, columns, 3), [.. Enumerable.Repeat(1.5, rows * columns)], [.. Enumerable.Range(0, rows * columns).Select(i => (double)(i / columns % 2))] })
        {
            var fitted = new ShrunkMahalanobis(reference, columns);
            var scores = new double[2];
            fitted.Score([.. Enumerable.Repeat(1.0, columns), .. Enumerable.Repeat(-1e6, columns)], scores);
            Assert.All(fitted.ReferenceScores, s => Assert.True(double.IsFinite(s)));
            Assert.All(scores, s => Assert.True(double.IsFinite(s) && s >= 0));
        }
    }

    private static double[] Correlated(int rows, int columns, int seed)
    {
        var random = new Random(seed);
        var values = new double[rows * columns];
        for (var r = 0; r < rows; r++)
        {
            var common = Normal();
            for (var c = 0; c < columns; c++)
            {
                values[(r * columns) + c] = common + (0.5 * Normal());
            }
        }

        return values;

        double Normal() => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
    }
}
