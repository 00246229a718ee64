using System.Buffers;

namespace Monitoring.Statistics;

/// <summary>
/// The two-sample Kolmogorov-Smirnov test of a window against a frozen reference. D = sup |F − G| over all values.
/// p-values: exact by lattice paths (Hodges 1958), or the exact one-sample law at the effective size round(nm/(n+m))
/// (what SciPy calls asymptotic), see <see cref="KolmogorovDistribution"/>.
/// </summary>
public static class KolmogorovSmirnov
{
    /// <summary>
    /// D and its parts in O(m) for m window values: ranks by table, order by radix sort, the reference is not walked.
    /// NaN and infinite window values are left out. D is 0 when either side is empty.
    /// </summary>
    public static KolmogorovSmirnovDistance Distance(SortedReference reference, ReadOnlySpan<double> window)
    {
        ArgumentNullException.ThrowIfNull(reference);
        var n = reference.Count;
        var values = reference.Values;
        var keys = ArrayPool<uint>.Shared.Rent(Math.Max(1, window.Length * 2));
        try
        {
            var m = 0;
            foreach (var value in window)
            {
                if (double.IsFinite(value))
                {
                    // Even keys are gaps between reference values, odd keys the reference values themselves.
                    var below = reference.CountBelow(value);
                    keys[m++] = ((uint)below << 1) | (below < n && values[below] == value ? 1u : 0u);
                }
            }

            if (m == 0 || n == 0)
            {
                return new KolmogorovSmirnovDistance(n, m, 0, 0, double.NaN);
            }

            var sorted = RadixSort(keys.AsSpan(0, m), keys.AsSpan(m, m), (2u * (uint)n) + 1);
            double inverseN = 1.0 / n, inverseM = 1.0 / m, windowExcess = 0, referenceExcess = 0;
            int windowAt = 0, referenceAt = 0;
            for (var i = 0; i < m;)
            {
                var key = sorted[i];
                var j = i + 1;
                while (j < m && sorted[j] == key)
                {
                    j++;
                }

                var start = (int)(key >> 1);
                var end = (key & 1) == 0 ? start : reference.EndOfTies(start, values[start]);
                var excess = (start * inverseN) - (i * inverseM);
                if (excess > referenceExcess)
                {
                    referenceExcess = excess;
                    referenceAt = start - 1;
                }

                excess = (j * inverseM) - (end * inverseN);
                if (excess > windowExcess)
                {
                    windowExcess = excess;
                    windowAt = end - 1;
                }

                i = j;
            }

            var at = Math.Clamp(windowExcess >= referenceExcess ? windowAt : referenceAt, 0, n - 1);
            return new KolmogorovSmirnovDistance(n, m, windowExcess, referenceExcess, values[at]);
        }
        finally
        {
            ArrayPool<uint>.Shared.Return(keys);
        }
    }

    /// <summary>Two-sided test; <paramref name="exact"/> costs O(nm), the default O(1) to O(√n).</summary>
    public static TestResult Test(SortedReference reference, ReadOnlySpan<double> window, bool exact = false)
    {
        var distance = Distance(reference, window);
        return new TestResult(distance.Statistic, exact ? distance.ExactPValue() : distance.PValue());
    }

    private static ReadOnlySpan<uint> RadixSort(Span<uint> from, Span<uint> to, uint bound)
    {
        Span<int> starts = stackalloc int[256];
        for (var shift = 0; shift < 32 && (bound >> shift) > 0; shift += 8)
        {
            starts.Clear();
            foreach (var key in from)
            {
                starts[(int)(key >> shift) & 255]++;
            }

            var position = 0;
            foreach (ref var start in starts)
            {
                var count = start;
                start = position;
                position += count;
            }

            foreach (var key in from)
            {
                to[starts[(int)(key >> shift) & 255]++] = key;
            }

            var swap = from;
            from = to;
            to = swap;
        }

        return from;
    }
}
