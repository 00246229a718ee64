namespace Monitoring.Statistics;

/// <summary>Fisher's exact test on a 2×2 table [[a, b], [c, d]].</summary>
public static class FisherExactTest
{
    /// <summary>
    /// The statistic is the odds ratio ad/(bc); p sums the hypergeometric law of the first cell: its lower tail
    /// (<see cref="Alternative.Less"/>), upper tail (<see cref="Alternative.Greater"/>) or all tables at most as likely.
    /// </summary>
    public static TestResult Test(long a, long b, long c, long d, Alternative alternative = Alternative.TwoSided)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(a);
        ArgumentOutOfRangeException.ThrowIfNegative(b);
        ArgumentOutOfRangeException.ThrowIfNegative(c);
        ArgumentOutOfRangeException.ThrowIfNegative(d);
        double odds = (double)b * c == 0 ? (double)a * d == 0 ? double.NaN : double.PositiveInfinity : (double)a * d / ((double)b * c);
        if (a + b == 0 || c + d == 0 || a + c == 0 || b + d == 0)
        {
            return new TestResult(double.NaN, 1);
        }

        var lowest = Math.Max(0, a - d);
        var highest = Math.Min(a + b, a + c);
        var normaliser = SpecialFunctions.LogBinomial(a + b + c + d, a + c);
        double LogProbability(long x) => SpecialFunctions.LogBinomial(a + b, x) + SpecialFunctions.LogBinomial(c + d, a + c - x) - normaliser;

        var observed = LogProbability(a);
        double p = 0;
        for (var x = lowest; x <= highest; x++)
        {
            var log = LogProbability(x);
            var counts = alternative switch
            {
                Alternative.Less => x <= a,
                Alternative.Greater => x >= a,
                _ => log <= observed + 1e-7, // tables as likely as the observed one, up to rounding
            };
            p += counts ? Math.Exp(log) : 0;
        }

        return new TestResult(odds, Math.Min(1, p));
    }
}
