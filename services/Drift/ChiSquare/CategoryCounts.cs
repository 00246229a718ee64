using Monitoring.Statistics;

namespace Monitoring.Drift;

/// <summary>Pearson's test on category counts; cells expected below five are merged into one.</summary>
internal static class CategoryCounts
{
    private const double SmallestExpected = 5;

    public static TestResult Test(ReferenceColumn reference, double[] window)
    {
        double[] expected = [.. reference.Masses.Select(m => m - 0.5)];
        var observed = reference.Count(window);
        double n = expected.Sum(), m = observed.Sum();
        if (n == 0 || m == 0)
        {
            return new TestResult(0, 1);
        }

        List<double> first = [], second = [];
        double restExpected = 0, restObserved = 0;
        for (var b = 0; b < expected.Length; b++)
        {
            if ((expected[b] + observed[b]) * Math.Min(n, m) / (n + m) >= SmallestExpected)
            {
                first.Add(expected[b]);
                second.Add(observed[b]);
            }
            else
            {
                restExpected += expected[b];
                restObserved += observed[b];
            }
        }

        first.Add(restExpected);
        second.Add(restObserved);
        return ChiSquareTest.Test([.. first, .. second], first.Count);
    }
}
