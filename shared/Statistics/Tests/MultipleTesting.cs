namespace Monitoring.Statistics;

/// <summary>Decisions over many p-values of one look. They control that look only, never a stream of looks.</summary>
public static class MultipleTesting
{
    /// <summary>Bonferroni: something is rejected if any p &lt; level/n (strictly).</summary>
    public static (bool Rejected, double Threshold) Bonferroni(ReadOnlySpan<double> pValues, double level)
    {
        var threshold = level / Math.Max(1, pValues.Length);
        var rejected = false;
        foreach (var p in pValues)
        {
            rejected |= p < threshold;
        }

        return (rejected, threshold);
    }

    /// <summary>
    /// Benjamini and Hochberg (1995), strict: the largest i with p_(i) &lt; level·i/n rejects the i smallest. The threshold
    /// is level·i/n of that i, or level/n when nothing is rejected.
    /// </summary>
    public static (bool Rejected, double Threshold) FalseDiscoveryRate(ReadOnlySpan<double> pValues, double level)
    {
        var sorted = pValues.ToArray();
        Array.Sort(sorted);
        for (var i = sorted.Length; i > 0; i--)
        {
            var threshold = level * i / sorted.Length;
            if (sorted[i - 1] < threshold)
            {
                return (true, threshold);
            }
        }

        return (false, level / Math.Max(1, sorted.Length));
    }

    /// <summary>Benjamini-Hochberg adjusted p-values, in input order: min over j ≥ i of n·p_(j)/j, at most 1.</summary>
    public static double[] AdjustFalseDiscoveryRate(ReadOnlySpan<double> pValues)
    {
        var adjusted = pValues.ToArray();
        var order = Enumerable.Range(0, adjusted.Length).ToArray();
        Array.Sort(pValues.ToArray(), order);
        double running = 1;
        for (var i = order.Length - 1; i >= 0; i--)
        {
            running = Math.Min(running, adjusted[order[i]] * order.Length / (i + 1));
            adjusted[order[i]] = running;
        }

        return adjusted;
    }

    /// <summary>Holm (1979) adjusted p-values, in input order: max over j ≤ i of (n − j + 1)·p_(j), at most 1.</summary>
    public static double[] AdjustHolm(ReadOnlySpan<double> pValues)
    {
        var adjusted = pValues.ToArray();
        var order = Enumerable.Range(0, adjusted.Length).ToArray();
        Array.Sort(pValues.ToArray(), order);
        double running = 0;
        for (var i = 0; i < order.Length; i++)
        {
            running = Math.Max(running, Math.Min(1, adjusted[order[i]] * (order.Length - i)));
            adjusted[order[i]] = running;
        }

        return adjusted;
    }
}
