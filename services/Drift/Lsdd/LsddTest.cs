using Monitoring.Statistics;

namespace Monitoring.Drift;

/// <summary>The permutation test of LSDD; the reference's kernels are computed with the first window.</summary>
internal sealed class LsddTest(Lazy<LeastSquaresDensityDifference> lsdd, int permutations) : IWindowTest
{
    public TestResult Test(ReadOnlyMemory<float> window, ulong seed)
    {
        var test = lsdd.Value;
        double[] rows = Array.ConvertAll(window.ToArray(), v => (double)v);
        var result = test.Test(rows, test.Permutations(window.Length / test.Columns, permutations, seed));
        return new TestResult(result.Statistic, result.PValue);
    }
}
