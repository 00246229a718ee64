using System.Runtime.InteropServices;

namespace Monitoring.Statistics;

/// <summary>How far a window's distribution function G lies from its reference's F.</summary>
/// <param name="ReferenceCount">n ≥ 0 finite reference values.</param>
/// <param name="WindowCount">m ≥ 0 finite window values.</param>
/// <param name="WindowExcess">sup (G − F) in [0, 1].</param>
/// <param name="ReferenceExcess">sup (F − G) in [0, 1].</param>
/// <param name="Location">Reference value next to which D is reached; NaN when either side is empty.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct KolmogorovSmirnovDistance(int ReferenceCount, int WindowCount, double WindowExcess, double ReferenceExcess, double Location)
{
    /// <summary>D = sup |F − G|.</summary>
    public double Statistic => Math.Max(WindowExcess, ReferenceExcess);

    /// <summary>Two-sided p-value by the one-sample law at the effective size round(nm/(n+m)); 1 when either side is empty.</summary>
    public double PValue()
    {
        if (ReferenceCount == 0 || WindowCount == 0)
        {
            return 1;
        }

        var size = (double)ReferenceCount * WindowCount / (ReferenceCount + (double)WindowCount);
        return KolmogorovDistribution.UpperTail(Statistic, Math.Max(1, (long)Math.Round(size, MidpointRounding.ToEven)));
    }

    /// <summary>Exact two-sided p-value without ties, by the probability that a random lattice path leaves the band: O(nm), all terms positive.</summary>
    public double ExactPValue()
    {
        int n = ReferenceCount, m = WindowCount;
        if (n == 0 || m == 0 || Statistic <= 0)
        {
            return 1;
        }

        // |i/n − j/m| ≥ D, in integers: |i·m − j·n| ≥ D·n·m.
        var limit = (long)Math.Round(Statistic * n * m);
        var outside = new double[m + 1];
        for (var i = 0; i <= n; i++)
        {
            for (var j = 0; j <= m; j++)
            {
                if (Math.Abs(((long)i * m) - ((long)j * n)) >= limit)
                {
                    outside[j] = 1;
                }
                else
                {
                    double total = i + j;
                    outside[j] = ((i > 0 ? outside[j] * i / total : 0) + (j > 0 ? outside[j - 1] * j / total : 0));
                }
            }
        }

        return Math.Min(1, outside[m]);
    }
}
