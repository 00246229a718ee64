using System.Buffers;

namespace Monitoring.Statistics;

/// <summary>
/// The two-sample Cramér-von Mises test (Anderson 1962), with mid-ranks for ties. T = U/(nmN) − (4nm − 1)/(6N), N = n + m.
/// </summary>
public static class CramerVonMises
{
    /// <summary>T, and its p-value by the limiting law of the normalised statistic, or exactly by enumeration (no ties, n and m ≤ 20).</summary>
    /// <exception cref="ArgumentException"><paramref name="exact"/> with more than 20 values on a side.</exception>
    public static TestResult Test(SortedReference reference, ReadOnlySpan<double> window, bool exact = false)
    {
        ArgumentNullException.ThrowIfNull(reference);
        var buffer = ArrayPool<double>.Shared.Rent(Math.Max(1, window.Length));
        try
        {
            var m = 0;
            foreach (var value in window)
            {
                if (double.IsFinite(value))
                {
                    buffer[m++] = value;
                }
            }

            var n = reference.Count;
            if (n == 0 || m == 0)
            {
                return new TestResult(0, 1);
            }

            var sorted = buffer.AsSpan(0, m);
            sorted.Sort();
            double k = (double)n * m, total = n + (double)m;
            var u = RankSquares(reference, sorted);
            var statistic = (u / (k * total)) - (((4 * k) - 1) / (6 * total));
            if (exact)
            {
                return new TestResult(statistic, ExactPValue(u, n, m));
            }

            var mean = (1 + (1 / total)) / 6;
            var variance = (total + 1) * ((4 * k * total) - (3 * (((double)n * n) + ((double)m * m))) - (2 * k)) / (45 * total * total * 4 * k);
            var normalised = (1.0 / 6) + ((statistic - mean) / Math.Sqrt(45 * variance));
            return new TestResult(statistic, normalised < 0.003 ? 1 : Math.Clamp(1 - LimitingCdf(normalised), 0, 1));
        }
        finally
        {
            ArrayPool<double>.Shared.Return(buffer);
        }
    }

    /// <summary>P(ω² ≤ x) of the limiting law: Σ_k Γ(k+½)/(Γ(½)k!) √(4k+1)/(π√x) e^{−q} K_{1/4}(q), q = (4k+1)²/(16x) (Csörgő and Faraway 1996).</summary>
    public static double LimitingCdf(double x)
    {
        if (x <= 0)
        {
            return 0;
        }

        double sum = 0;
        for (var k = 0; k < 200; k++)
        {
            var y = (4 * k) + 1;
            var q = (double)y * y / (16 * x);
            var coefficient = Math.Exp(SpecialFunctions.LogGamma(k + 0.5) - SpecialFunctions.LogGamma(k + 1)) / (Math.Pow(Math.PI, 1.5) * Math.Sqrt(x));

            // e^{−q}·K(q) with K scaled by e^{q}: e^{−2q} in all.
            var term = coefficient * Math.Sqrt(y) * Math.Exp(-2 * q) * SpecialFunctions.ScaledBesselK(0.25, q);
            sum += term;
            if (term < 1e-17)
            {
                break;
            }
        }

        return Math.Min(1, sum);
    }

    // U = n·Σ(rank of i-th reference value − i)² + m·Σ(rank of j-th window value − j)², walking only the window.
    private static double RankSquares(SortedReference reference, ReadOnlySpan<double> sorted)
    {
        int n = reference.Count, m = sorted.Length, previous = 0;
        var values = reference.Values;
        double referenceSquares = reference.TieCorrection, windowSquares = 0;
        for (var i = 0; i < m;)
        {
            var j = i + 1;
            while (j < m && sorted[j] == sorted[i])
            {
                j++;
            }

            var start = reference.CountBelow(sorted[i]);
            var end = start < n && values[start] == sorted[i] ? reference.EndOfTies(start, sorted[i]) : start;
            double tiedReference = end - start, tiedWindow = j - i;
            referenceSquares += (double)(start - previous) * i * i;
            var middle = start + i + ((tiedReference + tiedWindow + 1) / 2);
            referenceSquares += SquaresAround(middle - start, tiedReference) - (tiedReference * ((tiedReference * tiedReference) - 1) / 12);
            windowSquares += SquaresAround(middle - i, tiedWindow);
            previous = end;
            i = j;
        }

        referenceSquares += (double)(n - previous) * m * m;
        return (n * referenceSquares) + (m * windowSquares);
    }

    // Σ_{r=1..size} (offset − r)²
    private static double SquaresAround(double offset, double size) =>
        (size * offset * offset) - (offset * size * (size + 1)) + (size * (size + 1) * ((2 * size) + 1) / 6);

    // Share of the C(n+m, n) orderings whose U is at least the observed one; Σ of (i·b − j·a)² along lattice paths.
    private static double ExactPValue(double u, int n, int m)
    {
        if (n > 20 || m > 20)
        {
            throw new ArgumentException($"the exact Cramér-von Mises law is enumerated for at most 20 values a side, here {n} and {m}", nameof(n));
        }

        var lcm = (long)n / Gcd(n, m) * m;
        long a = lcm / n, b = lcm / m;

        // T·N²·lcm²/(nm) = Σ over path points of (i·a − j·b)²
        double total = n + m, k = (double)n * m;
        var zeta = ((double)lcm * lcm * total * ((6 * u) - (k * ((4 * k) - 1)))) / (6 * k * k);
        var observed = (long)Math.Round(zeta);
        var row = new Dictionary<long, double>[m + 1];
        for (var i = 0; i <= n; i++)
        {
            for (var j = 0; j <= m; j++)
            {
                var next = new Dictionary<long, double>();
                var step = ((i * a) - (j * b)) * ((i * a) - (j * b));
                if (i == 0 && j == 0)
                {
                    next[0] = 1;
                }

                if (i > 0)
                {
                    Add(next, row[j], step);
                }

                if (j > 0)
                {
                    Add(next, row[j - 1], step);
                }

                row[j] = next;
            }
        }

        return row[m].Where(p => p.Key >= observed).Sum(p => p.Value) / row[m].Values.Sum();
    }

    private static void Add(Dictionary<long, double> target, Dictionary<long, double> source, long step)
    {
        foreach (var (key, count) in source)
        {
            target[key + step] = target.GetValueOrDefault(key + step) + count;
        }
    }

    private static int Gcd(int a, int b) => b == 0 ? a : Gcd(b, a % b);
}
