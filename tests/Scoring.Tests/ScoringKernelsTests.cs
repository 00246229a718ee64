using System.Text.Json;

namespace Monitoring.Scoring.Tests;

/// <summary>Kernels against plain double-precision loops and the reference library's numbers.</summary>
public sealed class ScoringKernelsTests : IDisposable
{
    private readonly ScoringRuntime _runtime = new(new ScoringOptions { Device = "cpu" });
    private readonly ScoringKernels _kernels;

    public ScoringKernelsTests() => _kernels = new ScoringKernels(_runtime);

    public static TheoryData<string> MmdCases => [.. Golden().GetProperty("cases").EnumerateArray().Select(c => c.GetProperty("name").GetString()!)];

    [Theory]
    [InlineData(1, 1, 1, 0)]
    [InlineData(7, 30, 5, 0)]
    [InlineData(40, 300, 64, 1000)]
    public void SquaredDistances_equal_the_loops(int n, int m, int d, double offset)
    {
        var a = Random(1, n, d, offset);
        var b = Random(2, m, d, offset);
        var floats = _kernels.SquaredDistances(Single(a, n, d), Single(b, m, d));
        var doubles = _kernels.SquaredDistances(new Matrix<double>(a, n, d), new Matrix<double>(b, m, d));
        for (var i = 0; i < n; i++)
        {
            for (var j = 0; j < m; j++)
            {
                var exact = SquaredDistance(a.AsSpan(i * d, d), b.AsSpan(j * d, d));
                Assert.Equal(exact, doubles[(i * m) + j], Math.Max(exact, 1) * 1e-9);
                // Far from the origin FP32 inputs themselves are rounded to 1e-7 of their size.
                Assert.Equal(exact, floats[(i * m) + j], (Math.Max(exact, 1) * 1e-5) + (offset * 1e-6 * d));
            }
        }
    }

    [Fact]
    public void SquaredDistances_in_blocks_equal_those_at_once()
    {
        const int n = 300;
        const int m = (ScoringKernels.MaxBlockElements / 200) + 1;
        var a = Random(3, n, 2, 0);
        var b = Random(4, m, 2, 0);
        var result = _kernels.SquaredDistances(Single(a, n, 2), Single(b, m, 2));
        Assert.Equal(n * m, result.Length);
        foreach (var i in new[] { 0, 198, 199, 200, n - 1 })
        {
            Assert.Equal(SquaredDistance(a.AsSpan(i * 2, 2), b.AsSpan((m - 1) * 2, 2)), result[((i + 1) * m) - 1], 1e-4);
        }
    }

    [Fact]
    public void NearestNeighbours_equal_the_sorted_loops()
    {
        const int n = 25, m = 400, d = 20, k = 5;
        var queries = Random(5, n, d, 3);
        var reference = Random(6, m, d, 3);
        reference.AsSpan(17 * d, d).CopyTo(queries);
        var found = _kernels.NearestNeighbours(Single(queries, n, d), Single(reference, m, d), k);
        var exact = _kernels.NearestNeighbours(new Matrix<double>(queries, n, d), new Matrix<double>(reference, m, d), k);
        for (var i = 0; i < n; i++)
        {
            var expected = Enumerable.Range(0, m)
                .Select(j => (Distance: Math.Sqrt(SquaredDistance(queries.AsSpan(i * d, d), reference.AsSpan(j * d, d))), Index: (long)j))
                .OrderBy(x => x.Distance).Take(k).ToArray();
            for (var j = 0; j < k; j++)
            {
                Assert.Equal(expected[j].Index, found.Indices[(i * k) + j]);
                Assert.Equal(expected[j].Index, exact.Indices[(i * k) + j]);
                Assert.Equal(expected[j].Distance, found.Distances[(i * k) + j], 1e-5 * Math.Max(1, expected[j].Distance));
                Assert.Equal(expected[j].Distance, exact.Distances[(i * k) + j], 1e-9);
            }
        }

        Assert.Equal(17, found.Indices[0]);
        Assert.Equal(0, found.Distances[0]);
    }

    [Theory]
    [MemberData(nameof(MmdCases))]
    public void MaximumMeanDiscrepancy_equals_the_reference_library(string name)
    {
        var test = Golden().GetProperty("cases").EnumerateArray().Single(c => c.GetProperty("name").GetString() == name);
        var (x, n, d) = Rows(test.GetProperty("x_ref"));
        var (y, m, _) = Rows(test.GetProperty("x"));
        double[] pooled = [.. x, .. y];
        var split = Enumerable.Range(0, n + m).Select(i => i < n ? 1.0 : 0).ToArray();
        var formula = test.GetProperty("float64_by_formula");
        var sigma = formula.GetProperty("sigma").GetDouble();
        var expected = formula.GetProperty("mmd2").GetDouble();
        var exact = _kernels.MaximumMeanDiscrepancy(new Matrix<double>(pooled, n + m, d), new Matrix<double>(split, n + m, 1), [sigma]);
        var single = _kernels.MaximumMeanDiscrepancy(Single(pooled, n + m, d), Single(split, n + m, 1), [sigma]);
        Assert.Equal(expected, exact[0], 1e-9 * Math.Max(1e-3, Math.Abs(expected)));
        Assert.Equal(expected, single[0], 1e-6 + (2e-5 * Math.Abs(expected)));

        var three = test.GetProperty("alibi_three_sigmas");
        var sigmas = three.GetProperty("sigma").EnumerateArray().Select(s => s.GetDouble()).ToArray();
        var mean = _kernels.MaximumMeanDiscrepancy(new Matrix<double>(pooled, n + m, d), new Matrix<double>(split, n + m, 1), sigmas);
        // The library rounds its sigmas to single precision.
        Assert.Equal(three.GetProperty("mmd2").GetDouble(), mean[0], 1e-7);
    }

    [Fact]
    public void MaximumMeanDiscrepancy_of_many_splits_equals_the_loops()
    {
        const int n = 30, m = 20, d = 3, splits = 7;
        var pooled = Random(7, n + m, d, 0);
        var random = new Random(8);
        var u = new double[(n + m) * splits];
        for (var c = 0; c < splits; c++)
        {
            var order = Enumerable.Range(0, n + m).ToArray();
            random.Shuffle(order);
            foreach (var row in order.Take(n))
            {
                u[(row * splits) + c] = 1;
            }
        }

        var result = _kernels.MaximumMeanDiscrepancy(new Matrix<double>(pooled, n + m, d), new Matrix<double>(u, n + m, splits), [1.3]);
        for (var c = 0; c < splits; c++)
        {
            double xx = 0, yy = 0, xy = 0;
            for (var i = 0; i < n + m; i++)
            {
                for (var j = 0; j < n + m; j++)
                {
                    var k = i == j ? 0 : Math.Exp(-SquaredDistance(pooled.AsSpan(i * d, d), pooled.AsSpan(j * d, d)) / (2 * 1.3 * 1.3));
                    var (a, b) = (u[(i * splits) + c] > 0, u[(j * splits) + c] > 0);
                    xx += a && b ? k : 0;
                    yy += !a && !b ? k : 0;
                    xy += a && !b ? k : 0;
                }
            }

            Assert.Equal((xx / (n * (n - 1))) + (yy / (m * (m - 1))) - (2 * xy / (n * m)), result[c], 1e-12);
        }
    }

    [Fact]
    public void Mahalanobis_equals_the_loops()
    {
        const int n = 40, c = 3, d = 6, r = 4;
        var x = Random(9, n, d, 2);
        var means = Random(10, c, d, 2);
        var w = Random(11, d, r, 0);
        var result = _kernels.Mahalanobis(Single(x, n, d), Single(means, c, d), Single(w, d, r));
        var exact = _kernels.Mahalanobis(new Matrix<double>(x, n, d), new Matrix<double>(means, c, d), new Matrix<double>(w, d, r));
        for (var i = 0; i < n; i++)
        {
            for (var j = 0; j < c; j++)
            {
                double expected = 0;
                for (var l = 0; l < r; l++)
                {
                    double dot = 0;
                    for (var f = 0; f < d; f++)
                    {
                        dot += (x[(i * d) + f] - means[(j * d) + f]) * w[(f * r) + l];
                    }

                    expected += dot * dot;
                }

                Assert.Equal(expected, exact[(i * c) + j], 1e-9 * Math.Max(1, expected));
                Assert.Equal(expected, result[(i * c) + j], 1e-4 * Math.Max(1, expected));
            }
        }
    }

    [Fact]
    public void Kernels_refuse_what_does_not_fit()
    {
        var a = Single(new double[6], 2, 3);
        Assert.Throws<ArgumentException>(() => _kernels.SquaredDistances(a, Single(new double[4], 1, 4)));
        Assert.Throws<ArgumentOutOfRangeException>(() => _kernels.NearestNeighbours(a, a, 3));
        Assert.Throws<ArgumentOutOfRangeException>(() => _kernels.NearestNeighbours(a, a, 0));
        Assert.Throws<ArgumentException>(() => _kernels.MaximumMeanDiscrepancy(a, Single([1, 0], 2, 1), [1]));
        Assert.Throws<ArgumentException>(() => _kernels.MaximumMeanDiscrepancy(a, Single([1, 0, 0], 3, 1), [1]));
        Assert.Throws<ArgumentException>(() => new Matrix<float>(new float[5], 2, 3));
    }

    [Fact]
    public void Sessions_are_shared_by_all_references()
    {
        for (var m = 1; m < 50; m++)
        {
            _kernels.SquaredDistances(Single(new double[m], m, 1), Single(new double[m], m, 1));
        }

        Assert.Equal(1, _runtime.LoadedModels);
    }

    public void Dispose()
    {
        _kernels.Dispose();
        _runtime.Dispose();
    }

    private static JsonElement Golden()
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "golden", "mmd.json")));
        return document.RootElement.Clone();
    }

    private static (double[] Values, int Rows, int Columns) Rows(JsonElement rows)
    {
        var values = rows.EnumerateArray().SelectMany(r => r.EnumerateArray()).Select(v => v.GetDouble()).ToArray();
        return (values, rows.GetArrayLength(), values.Length / rows.GetArrayLength());
    }

    private static Matrix<float> Single(double[] values, int rows, int columns) => new(Array.ConvertAll(values, v => (float)v), rows, columns);

    private static double[] Random(int seed, int rows, int columns, double offset)
    {
        var random = new Random(seed);
        var values = new double[rows * columns];
        foreach (ref var value in values.AsSpan())
        {
            // Rounded to single precision, so that both element types see the same numbers.
            value = (float)(offset + random.NextDouble() + random.NextDouble() - 1);
        }

        return values;
    }

    private static double SquaredDistance(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        double sum = 0;
        for (var i = 0; i < a.Length; i++)
        {
            sum += (a[i] - b[i]) * (a[i] - b[i]);
        }

        return sum;
    }
}
