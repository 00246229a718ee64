using Monitoring.Statistics;

namespace Monitoring.Drift;

/// <summary>Wasserstein-1 distance with a permutation p-value: labels of the pooled, sorted values are exchanged.</summary>
internal static class WassersteinPermutation
{
    public static TestResult Test(SortedReference reference, double[] window, int permutations, ulong seed)
    {
        double[] finite = [.. window.Where(double.IsFinite)];
        var statistic = SampleDistance.Wasserstein(reference, finite);
        if (reference.Count == 0 || finite.Length == 0 || statistic == 0)
        {
            return new TestResult(statistic, 1);
        }

        double[] pooled = [.. reference.Values, .. finite];
        Array.Sort(pooled);
        var random = new Random(unchecked((int)(seed ^ (seed >> 32))));
        var fromWindow = new bool[pooled.Length];
        var atLeast = 1;
        for (var p = 0; p < permutations; p++)
        {
            // A uniform subset of the window's size (selection sampling, Knuth 3.4.2 S).
            int needed = finite.Length, left = pooled.Length;
            for (var i = 0; i < pooled.Length; i++, left--)
            {
                fromWindow[i] = random.Next(left) < needed;
                needed -= fromWindow[i] ? 1 : 0;
            }

            double distance = 0, n = 0, m = 0;
            for (var i = 0; i + 1 < pooled.Length; i++)
            {
                if (fromWindow[i])
                {
                    m++;
                }
                else
                {
                    n++;
                }

                distance += Math.Abs((n / reference.Count) - (m / finite.Length)) * (pooled[i + 1] - pooled[i]);
            }

            atLeast += distance >= statistic * (1 - 1e-12) ? 1 : 0;
        }

        return new TestResult(statistic, atLeast / (permutations + 1.0));
    }
}
