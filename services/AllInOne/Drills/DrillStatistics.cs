namespace Monitoring.AllInOne.Drills;

/// <summary>Intervals of the reports.</summary>
internal static class DrillStatistics
{
    public static QuantilesReport? Quantiles(IReadOnlyCollection<double> values)
    {
        if (values.Count == 0)
        {
            return null;
        }

        var sorted = values.Order().ToArray();
        return new QuantilesReport(Median(sorted), sorted[Math.Min(sorted.Length - 1, (int)Math.Ceiling(0.9 * sorted.Length) - 1)]);
    }

    public static double Median(IReadOnlyCollection<double> values)
    {
        var sorted = values.Order().ToArray();
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    /// <summary>95 % Clopper–Pearson interval of a share.</summary>
    public static double[] ClopperPearson(int hits, int trials)
    {
        return trials == 0 ? [0, 1] :
        [
            hits == 0 ? 0 : Bisect(p => UpperTail(hits, trials, p) < 0.025),
            hits == trials ? 1 : Bisect(p => 1 - UpperTail(hits + 1, trials, p) > 0.025),
        ];
    }

    /// <summary>Upper 95 % bound of a rate after so many events in so many trials (exact Poisson).</summary>
    public static double PoissonUpperBound(int events, long trials)
    {
        double low = 0, high = events + 20 + (10 * Math.Sqrt(events));
        for (var i = 0; i < 100; i++)
        {
            var mean = (low + high) / 2;
            var (term, sum) = (Math.Exp(-mean), Math.Exp(-mean));
            for (var k = 1; k <= events; k++)
            {
                term *= mean / k;
                sum += term;
            }

            (low, high) = sum > 0.05 ? (mean, high) : (low, mean);
        }

        return high / Math.Max(1, trials);
    }

    /// <summary>The largest p in [0, 1] for which an increasing condition still holds.</summary>
    private static double Bisect(Func<double, bool> holds)
    {
        double low = 0, high = 1;
        for (var i = 0; i < 60; i++)
        {
            var middle = (low + high) / 2;
            (low, high) = holds(middle) ? (middle, high) : (low, middle);
        }

        return low;
    }

    private static double UpperTail(int hits, int trials, double p)
    {
        double sum = 0;
        for (var k = hits; k <= trials; k++)
        {
            double log = 0;
            for (var i = 1; i <= k; i++)
            {
                log += Math.Log((double)(trials - k + i) / i);
            }

            sum += Math.Exp(log + (k * Math.Log(Math.Max(p, 1e-300))) + ((trials - k) * Math.Log(Math.Max(1 - p, 1e-300))));
        }

        return sum;
    }
}
