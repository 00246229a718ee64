namespace Monitoring.Statistics.Tests;

/// <summary>Kernel two-sample statistics against alibi-detect.</summary>
public sealed class KernelGoldenTests
{
    [Fact]
    public void Mmd_agrees_with_the_formula_in_double_precision()
    {
        foreach (var item in GoldenFile.Load("mmd").GetProperty("cases").EnumerateArray())
        {
            var (reference, columns) = item.Matrix("x_ref");
            var (window, _) = item.Matrix("x");
            var expected = item.GetProperty("float64_by_formula");
            var name = item.GetProperty("name").GetString();
            var sigma = GaussianKernel.MedianHeuristic(reference, columns);
            GoldenFile.Close(expected.Number("sigma"), sigma, 1e-9, name);
            GoldenFile.Close(expected.Number("mmd2"), MaximumMeanDiscrepancy.Squared(reference, window, columns, sigma), 1e-9, name);
            var three = item.GetProperty("alibi_three_sigmas");
            GoldenFile.Close(three.Number("mmd2"), MaximumMeanDiscrepancy.Squared(reference, window, columns, three.Numbers("sigma")), 1e-6, name);
        }
    }

    [Fact]
    public void Online_mmd_agrees_with_alibi_detect()
    {
        var golden = GoldenFile.Load("mmd_online");
        var (reference, columns) = golden.Matrix("x_ref");
        var (stream, _) = golden.Matrix("stream");
        double[] Rows(string name) => [.. golden.Integers(name).SelectMany(i => reference.AsSpan(i * columns, columns).ToArray())];
        var detector = new OnlineMaximumMeanDiscrepancy(Rows("ref_inds"), Rows("init_test_inds"), columns, golden.Number("sigma"));
        var expected = golden.Numbers("test_stat");
        var actual = Enumerable.Range(0, expected.Length).Select(t => detector.Update(stream.AsSpan(t * columns, columns))).ToArray();

        // alibi-detect runs in single precision.
        GoldenFile.Close(expected, actual, 1e-5, 2e-7);
    }

    [Fact]
    public void Online_thresholds_are_alibi_detects_up_to_their_bootstrap()
    {
        var golden = GoldenFile.Load("mmd_online");
        var (reference, columns) = golden.Matrix("x_ref");
        var rows = reference.Length / columns;
        var gram = Array.ConvertAll(GaussianKernel.Gram(reference, reference, columns, golden.Number("sigma")), v => (float)v);
        var expected = golden.Numbers("thresholds");
        var actual = OnlineThresholds.OfMmd(gram, rows, (int)golden.Number("window_size"), golden.Number("ert"), 20_000, 1);
        Assert.Equal(expected.Length, actual.Length);

        // Theirs are quantiles at 98 % of 2,000 random splits or fewer: some per cent each.
        for (var w = 0; w < expected.Length; w++)
        {
            Assert.InRange(actual[w], expected[w] * 0.85, expected[w] * 1.15);
        }
    }

    [Fact]
    public void Lsdd_agrees_with_alibi_detect()
    {
        var mmd = GoldenFile.Load("mmd").GetProperty("cases").EnumerateArray().ToDictionary(i => i.GetProperty("name").GetString()!, StringComparer.Ordinal);
        foreach (var item in GoldenFile.Load("lsdd").GetProperty("cases").EnumerateArray())
        {
            var name = item.GetProperty("name").GetString()!;
            var (reference, columns) = mmd[name].Matrix("x_ref");
            var (window, _) = mmd[name].Matrix("x");
            var permutations = item.GetProperty("permutations").EnumerateArray().Select(p => p.EnumerateArray().Select(e => e.GetInt32()).ToArray()).ToArray();
            var lsdd = new LeastSquaresDensityDifference(reference, columns, item.Integers("kernel_center_rows"), item.Integers("non_center_rows_in_order"));
            GoldenFile.Close(item.Number("sigma"), lsdd.Sigma, 2e-7, name);
            var result = lsdd.Test(window, permutations);
            Assert.Equal(item.Number("lambda"), result.Lambda);
            GoldenFile.Close(item.Number("lsdd"), result.Statistic, 1e-6, name);
            GoldenFile.Close(item.Numbers("lsdd_permuted"), [.. result.Permuted], 1e-6, because: name);
        }
    }
}
