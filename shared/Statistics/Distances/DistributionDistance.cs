namespace Monitoring.Statistics;

/// <summary>Distances between two discrete distributions, given as counts or shares over the same cells; each side is normalised to sum 1.</summary>
public static class DistributionDistance
{
    /// <summary>Population stability index Σ (q − p) ln(q/p) on shares, each floored at <paramref name="floor"/> so that empty cells stay finite; ≥ 0.</summary>
    public static double PopulationStabilityIndex(ReadOnlySpan<double> reference, ReadOnlySpan<double> window, double floor = 1e-4)
    {
        var (p, q) = Normalise(reference, window);
        double sum = 0;
        for (var i = 0; i < p.Length; i++)
        {
            var a = Math.Max(p[i], floor);
            var b = Math.Max(q[i], floor);
            sum += (b - a) * Math.Log(b / a);
        }

        return sum;
    }

    /// <summary>
    /// p-value of a PSI over K cells that are all occupied: under equality PSI/(1/n + 1/m) tends to χ² with K − 1 degrees of freedom.
    /// </summary>
    public static double PopulationStabilityPValue(double psi, int cells, double referenceCount, double windowCount) =>
        cells < 2 || referenceCount <= 0 || windowCount <= 0
            ? 1
            : SpecialFunctions.ChiSquareUpperTail(psi / ((1 / referenceCount) + (1 / windowCount)), cells - 1);

    /// <summary>Jensen-Shannon distance √(½KL(p‖m) + ½KL(q‖m)), m = (p + q)/2, logarithms to base 2: in [0, 1].</summary>
    public static double JensenShannon(ReadOnlySpan<double> reference, ReadOnlySpan<double> window)
    {
        var (p, q) = Normalise(reference, window);
        double sum = 0;
        for (var i = 0; i < p.Length; i++)
        {
            var middle = (p[i] + q[i]) / 2;
            sum += p[i] > 0 ? p[i] * Math.Log2(p[i] / middle) : 0;
            sum += q[i] > 0 ? q[i] * Math.Log2(q[i] / middle) : 0;
        }

        return Math.Sqrt(Math.Max(0, sum / 2));
    }

    /// <summary>Hellinger distance ‖√p − √q‖₂/√2, in [0, 1].</summary>
    public static double Hellinger(ReadOnlySpan<double> reference, ReadOnlySpan<double> window)
    {
        var (p, q) = Normalise(reference, window);
        double sum = 0;
        for (var i = 0; i < p.Length; i++)
        {
            var difference = Math.Sqrt(p[i]) - Math.Sqrt(q[i]);
            sum += difference * difference;
        }

        return Math.Sqrt(sum / 2);
    }

    private static (double[] P, double[] Q) Normalise(ReadOnlySpan<double> reference, ReadOnlySpan<double> window)
    {
        if (reference.Length != window.Length || reference.IsEmpty)
        {
            throw new ArgumentException($"both sides need the same cells, at least one: {reference.Length} and {window.Length}", nameof(window));
        }

        return (Normalise(reference), Normalise(window));
    }

    private static double[] Normalise(ReadOnlySpan<double> counts)
    {
        double sum = 0;
        foreach (var count in counts)
        {
            if (!(count >= 0) || double.IsInfinity(count))
            {
                throw new ArgumentException($"count {count} is not a finite number of at least 0", nameof(counts));
            }

            sum += count;
        }

        var shares = counts.ToArray();
        for (var i = 0; i < shares.Length; i++)
        {
            shares[i] = sum > 0 ? shares[i] / sum : 1.0 / shares.Length;
        }

        return shares;
    }
}
