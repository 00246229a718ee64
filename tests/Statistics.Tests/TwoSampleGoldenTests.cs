using System.Text.Json;

namespace Monitoring.Statistics.Tests;

/// <summary>Univariate tests and distances against SciPy and alibi-detect.</summary>
public sealed class TwoSampleGoldenTests
{
    private static readonly JsonElement s_scipy = GoldenFile.Load("scipy_ks_cvm");

    [Fact]
    public void Kolmogorov_Smirnov_agrees_with_SciPy()
    {
        foreach (var item in s_scipy.GetProperty("ks").EnumerateArray())
        {
            var name = item.GetProperty("name").GetString();
            var distance = KolmogorovSmirnov.Distance(new SortedReference(item.Numbers("a")), item.Numbers("b"));
            GoldenFile.Close(item.Number("D"), distance.Statistic, 1e-12, name);
            GoldenFile.Close(item.Number("p_exact"), distance.ExactPValue(), 1e-9, name + " exact");
            GoldenFile.Close(item.Number("p_asymp"), distance.PValue(), 1e-9, name + " asymptotic");
        }
    }

    [Fact]
    public void Kolmogorov_distribution_agrees_with_SciPy()
    {
        foreach (var item in s_scipy.GetProperty("kstwo_sf").EnumerateArray())
        {
            // SciPy keeps denormals to fewer digits than 1e-9.
            var expected = item.Number("sf");
            GoldenFile.Close(expected, KolmogorovDistribution.UpperTail(item.Number("d"), item.GetProperty("n").GetInt64()), expected < 1e-300 ? 1e-6 : 1e-9, item.ToString());
        }

        foreach (var item in s_scipy.GetProperty("kstwobign_sf").EnumerateArray())
        {
            GoldenFile.Close(item.Number("sf"), KolmogorovDistribution.LimitingUpperTail(item.Number("x")), 1e-9, item.ToString());
        }
    }

    [Fact]
    public void Cramer_von_Mises_agrees_with_SciPy()
    {
        var samples = s_scipy.GetProperty("ks").EnumerateArray().ToDictionary(i => i.GetProperty("name").GetString()!, StringComparer.Ordinal);
        foreach (var item in s_scipy.GetProperty("cvm").EnumerateArray())
        {
            var name = item.GetProperty("name").GetString()!;
            var (a, b) = (samples[name].Numbers("a"), samples[name].Numbers("b"));
            var result = CramerVonMises.Test(new SortedReference(a), b);
            GoldenFile.Close(item.Number("T"), result.Statistic, 1e-9, name);

            // SciPy stops its series at 1e-7 and takes 1 − cdf, so tiny p-values are its rounding.
            Assert.Equal(item.Number("p_asymptotic"), result.PValue, 1e-7);
            if (item.TryGetProperty("p_exact", out var exact) && exact.ValueKind == JsonValueKind.Number && a.Length <= 20 && b.Length <= 20)
            {
                GoldenFile.Close(exact.GetDouble(), CramerVonMises.Test(new SortedReference(a), b, exact: true).PValue, 1e-9, name);
            }
        }
    }

    [Fact]
    public void Contingency_tests_agree_with_SciPy()
    {
        var golden = GoldenFile.Load("scipy_contingency");
        foreach (var item in golden.GetProperty("chi2_contingency").EnumerateArray())
        {
            var (table, columns) = item.Matrix("table");
            foreach (var (key, yates) in new[] { ("correction_true", true), ("correction_false", false) })
            {
                var result = ChiSquareTest.Test(table, columns, yates);
                GoldenFile.Close(item.GetProperty(key).Number("chi2"), result.Statistic);
                GoldenFile.Close(item.GetProperty(key).Number("p"), result.PValue);
            }
        }

        foreach (var item in golden.GetProperty("fisher_exact").EnumerateArray())
        {
            var table = item.Matrix("table").Values.Select(v => (long)v).ToArray();
            foreach (var (key, alternative) in new[] { ("two-sided", Alternative.TwoSided), ("less", Alternative.Less), ("greater", Alternative.Greater) })
            {
                GoldenFile.Close(item.Number(key), FisherExactTest.Test(table[0], table[1], table[2], table[3], alternative).PValue, 1e-9, item.ToString());
            }
        }

        foreach (var item in golden.GetProperty("chi2_sf").EnumerateArray())
        {
            GoldenFile.Close(item.Number("sf"), SpecialFunctions.ChiSquareUpperTail(item.Number("x"), item.Number("df")), 1e-9, item.ToString());
        }
    }

    [Fact]
    public void Distances_agree_with_SciPy()
    {
        var samples = s_scipy.GetProperty("ks").EnumerateArray().ToDictionary(i => i.GetProperty("name").GetString()!, StringComparer.Ordinal);
        var golden = GoldenFile.Load("scipy_distances");
        foreach (var item in golden.GetProperty("pairs").EnumerateArray())
        {
            var name = item.GetProperty("name").GetString()!;
            var reference = new SortedReference(samples[name].Numbers("a"));
            var window = samples[name].Numbers("b");
            GoldenFile.Close(item.Number("wasserstein"), SampleDistance.Wasserstein(reference, window), 1e-9, name);
            GoldenFile.Close(item.Number("energy"), SampleDistance.Energy(reference, window), 1e-9, name);
            if (!item.GetProperty("psi").TryGetProperty("edges", out _))
            {
                continue;
            }

            var bins = new QuantileBins(reference, 10);
            var psi = item.GetProperty("psi");
            GoldenFile.Close(psi.Numbers("edges"), bins.Edges, 1e-12, because: name);
            GoldenFile.Close(psi.Number("psi"), DistributionDistance.PopulationStabilityIndex(bins.ReferenceCounts, bins.Count(window)), 1e-9, name);
        }

        foreach (var item in golden.GetProperty("distributions").EnumerateArray())
        {
            GoldenFile.Close(item.Number("jensenshannon_base_2"), DistributionDistance.JensenShannon(item.Numbers("p"), item.Numbers("q")));
            if (!item.TryGetProperty("hellinger", out _))
            {
                continue;
            }

            GoldenFile.Close(item.Number("hellinger"), DistributionDistance.Hellinger(item.Numbers("p"), item.Numbers("q")));
        }
    }

    [Fact]
    public void Shapiro_Wilk_agrees_with_SciPy()
    {
        foreach (var item in GoldenFile.Load("scipy_shapiro").GetProperty("cases").EnumerateArray())
        {
            var result = ShapiroWilk.Test(item.Numbers("x"));
            GoldenFile.Close(item.Number("W"), result.Statistic, 1e-9, item.GetProperty("name").GetString());
            GoldenFile.Close(item.Number("p"), result.PValue, 1e-6, item.GetProperty("name").GetString());
        }
    }

    [Fact]
    public void Corrections_agree_with_alibi_detect_and_statsmodels()
    {
        foreach (var item in GoldenFile.Load("corrections").GetProperty("cases").EnumerateArray())
        {
            var p = item.Numbers("p");
            var level = item.Number("q");
            var name = item.GetProperty("name").GetString();
            var fdr = MultipleTesting.FalseDiscoveryRate(p, level);
            var expected = item.GetProperty("alibi_detect_fdr");
            Assert.Equal(expected.GetProperty("drift").GetBoolean(), fdr.Rejected);
            if (fdr.Rejected)
            {
                GoldenFile.Close(expected.Number("threshold"), fdr.Threshold, 1e-12, name);
            }

            var bonferroni = MultipleTesting.Bonferroni(p, level);
            Assert.Equal(item.GetProperty("alibi_detect_bonferroni").GetProperty("drift").GetBoolean(), bonferroni.Rejected);
            GoldenFile.Close(item.GetProperty("statsmodels_fdr_bh").Numbers("p_adjusted"), MultipleTesting.AdjustFalseDiscoveryRate(p), 1e-12);
            GoldenFile.Close(item.GetProperty("statsmodels_holm").Numbers("p_adjusted"), MultipleTesting.AdjustHolm(p), 1e-12);
        }
    }

    [Theory]
    [InlineData("KSDrift_bonferroni_same", "x_same")]
    [InlineData("KSDrift_bonferroni_benign_only", "x_benign_only")]
    [InlineData("CVMDrift_bonferroni_same", "x_same")]
    [InlineData("CVMDrift_bonferroni_benign_only", "x_benign_only")]
    public void Per_feature_tests_agree_with_alibi_detect(string result, string window)
    {
        var golden = GoldenFile.Load("alibi_univariate");
        var (reference, columns) = golden.Matrix("x_ref");
        var (current, _) = golden.Matrix(window);
        var expected = golden.GetProperty("results").GetProperty(result);
        for (var c = 0; c < columns; c++)
        {
            var column = new SortedReference([.. reference.Where((_, i) => i % columns == c)]);
            double[] values = [.. current.Where((_, i) => i % columns == c)];
            var actual = result.StartsWith("KS", StringComparison.Ordinal) ? KolmogorovSmirnov.Test(column, values) : CramerVonMises.Test(column, values);

            // alibi-detect keeps single precision.
            GoldenFile.Close(expected.Numbers("distance")[c], actual.Statistic, 1e-6);
            GoldenFile.Close(expected.Numbers("p_val")[c], actual.PValue, 1e-6);
        }
    }

    [Fact]
    public void Exact_KS_p_value_is_the_share_of_all_orderings()
    {
        // Every way to choose which 3 of 7 values are the window's.
        double[] reference = [1, 2, 4, 6];
        double[] window = [3, 5, 7];
        var observed = KolmogorovSmirnov.Distance(new SortedReference(reference), window);
        var all = reference.Concat(window).Order().ToArray();
        int total = 0, atLeast = 0;
        for (var mask = 0; mask < 128; mask++)
        {
            if (int.PopCount(mask) == 3)
            {
                total++;
                var d = KolmogorovSmirnov.Distance(
                    new SortedReference([.. all.Where((_, i) => (mask >> i & 1) == 0)]),
                    [.. all.Where((_, i) => (mask >> i & 1) == 1)]);
                atLeast += d.Statistic >= observed.Statistic - 1e-12 ? 1 : 0;
            }
        }

        GoldenFile.Close((double)atLeast / total, observed.ExactPValue(), 1e-12);
    }
}
