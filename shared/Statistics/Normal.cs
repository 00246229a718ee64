namespace Monitoring.Statistics;

/// <summary>The standard normal distribution.</summary>
public static class Normal
{
    /// <summary>P(Z ≤ z), absolute error below 1e-9 (series near 0, continued fraction in the tails).</summary>
    public static double Cdf(double z) => z < 0 ? UpperTail(-z) : 1 - UpperTail(z);

    /// <summary>P(Z ≥ z), with small relative error also far out.</summary>
    public static double UpperTail(double z)
    {
        if (double.IsNaN(z))
        {
            return double.NaN;
        }

        if (z < 0)
        {
            return 1 - UpperTail(-z);
        }

        if (z > 38.6)
        {
            return 0;
        }

        var density = Math.Exp(-0.5 * z * z) / Math.Sqrt(2 * Math.PI);
        if (z < 2.5)
        {
            // Φ(z) − ½ = φ(z) Σ z^(2k+1)/(1·3·…·(2k+1)) (Abramowitz and Stegun 26.2.11).
            var term = z;
            var sum = z;
            for (var k = 1; term > 1e-17 * sum; k++)
            {
                term *= z * z / ((2 * k) + 1);
                sum += term;
            }

            return 0.5 - (density * sum);
        }

        // Mills' ratio as a continued fraction (26.2.14).
        var fraction = z;
        for (var k = 80; k >= 1; k--)
        {
            fraction = z + (k / fraction);
        }

        return density / fraction;
    }

    /// <summary>z with P(Z ≤ z) = p, by bisection of <see cref="Cdf"/> to 1e-12; ±∞ at 0 and 1.</summary>
    public static double Quantile(double p)
    {
        if (!(p >= 0 && p <= 1))
        {
            throw new ArgumentOutOfRangeException(nameof(p), p, "a probability lies in [0, 1]");
        }

        if (p is 0 or 1)
        {
            return p == 0 ? double.NegativeInfinity : double.PositiveInfinity;
        }

        if (p > 0.5)
        {
            return -Quantile(1 - p);
        }

        double low = -40, high = 0;
        while (high - low > 1e-12)
        {
            var middle = 0.5 * (low + high);
            if (UpperTail(-middle) < p)
            {
                low = middle;
            }
            else
            {
                high = middle;
            }
        }

        return 0.5 * (low + high);
    }
}
