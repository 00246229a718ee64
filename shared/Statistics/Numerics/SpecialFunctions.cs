namespace Monitoring.Statistics;

/// <summary>Special functions in double precision, accurate to about 1e-13 relative.</summary>
public static class SpecialFunctions
{
    private static readonly double[] s_lanczos =
    [
        0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
        12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
    ];

    /// <summary>ln Γ(x) for x &gt; 0 (Lanczos, g = 7, nine terms; Stirling's series above 20).</summary>
    public static double LogGamma(double x)
    {
        if (x >= 20)
        {
            var inverse = 1 / x;
            var square = inverse * inverse;
            var series = inverse * ((1.0 / 12) - (square * ((1.0 / 360) - (square * ((1.0 / 1260) - (square * ((1.0 / 1680) - (square / 1188))))))));
            return ((x - 0.5) * Math.Log(x)) - x + 0.91893853320467274178 + series;
        }

        if (x < 0.5)
        {
            return Math.Log(Math.PI / Math.Sin(Math.PI * x)) - LogGamma(1 - x);
        }

        x -= 1;
        var sum = s_lanczos[0];
        for (var i = 1; i < s_lanczos.Length; i++)
        {
            sum += s_lanczos[i] / (x + i);
        }

        var t = x + 7.5;
        return 0.91893853320467274178 + ((x + 0.5) * Math.Log(t)) - t + Math.Log(sum);
    }

    /// <summary>ln of the binomial coefficient n over k; minus infinity outside 0 ≤ k ≤ n.</summary>
    public static double LogBinomial(double n, double k) =>
        k < 0 || k > n ? double.NegativeInfinity : LogGamma(n + 1) - LogGamma(k + 1) - LogGamma(n - k + 1);

    /// <summary>Regularised upper incomplete gamma function Q(a, x), a &gt; 0, x ≥ 0 (series below a + 1, Lentz's continued fraction above).</summary>
    public static double GammaQ(double a, double x)
    {
        if (x <= 0)
        {
            return 1;
        }

        if (double.IsPositiveInfinity(x))
        {
            return 0;
        }

        var scale = Math.Exp((a * Math.Log(x)) - x - LogGamma(a));
        if (x < a + 1)
        {
            var term = 1 / a;
            var sum = term;
            for (var n = 1; n < 100_000; n++)
            {
                term *= x / (a + n);
                sum += term;
                if (term < sum * 1e-17)
                {
                    break;
                }
            }

            return Math.Max(0, 1 - (sum * scale));
        }

        const double Tiny = 1e-300;
        var b = x + 1 - a;
        var c = 1 / Tiny;
        var d = 1 / b;
        var h = d;
        for (var i = 1; i < 100_000; i++)
        {
            var an = -i * (i - a);
            b += 2;
            d = (an * d) + b;
            d = Math.Abs(d) < Tiny ? 1 / Tiny : 1 / d;
            c = b + (an / c);
            c = Math.Abs(c) < Tiny ? Tiny : c;
            var delta = d * c;
            h *= delta;
            if (Math.Abs(delta - 1) < 1e-16)
            {
                break;
            }
        }

        return scale * h;
    }

    /// <summary>Upper tail of the χ² distribution: P(X ≥ x) with <paramref name="degreesOfFreedom"/> &gt; 0.</summary>
    public static double ChiSquareUpperTail(double x, double degreesOfFreedom) => GammaQ(degreesOfFreedom / 2, x / 2);

    /// <summary>P(Z &gt; z) for a standard normal Z, accurate in relative terms in the far tail.</summary>
    public static double NormalUpperTail(double z) =>
        z >= 0 ? 0.5 * GammaQ(0.5, z * z / 2) : 1 - (0.5 * GammaQ(0.5, z * z / 2));

    /// <summary>P(Z ≤ z) for a standard normal Z.</summary>
    public static double NormalCdf(double z) => NormalUpperTail(-z);

    /// <summary>Standard normal quantile, 0 &lt; p &lt; 1: a rational start refined by two Halley steps.</summary>
    public static double NormalQuantile(double p)
    {
        if (p is <= 0 or >= 1 || double.IsNaN(p))
        {
            return p switch { 0 => double.NegativeInfinity, 1 => double.PositiveInfinity, _ => double.NaN };
        }

        // Abramowitz and Stegun 26.2.23: |error| < 4.5e-4, enough for Halley to reach double precision in two steps.
        var tail = Math.Min(p, 1 - p);
        var t = Math.Sqrt(-2 * Math.Log(tail));
        var z = t - ((2.515517 + (t * (0.802853 + (t * 0.010328)))) / (1 + (t * (1.432788 + (t * (0.189269 + (t * 0.001308)))))));
        for (var i = 0; i < 3; i++)
        {
            var error = (NormalUpperTail(z) - tail) / (Math.Exp(-z * z / 2) / 2.5066282746310002);
            z += error / (1 - (error * z / 2));
        }

        return p < 0.5 ? -z : z;
    }

    /// <summary>Modified Bessel function of the second kind K_ν(z), z &gt; 0, times e^z: trapezoid rule on ∫ e^{−z(cosh t − 1)} cosh(νt) dt, which converges doubly exponentially.</summary>
    public static double ScaledBesselK(double order, double z)
    {
        const double Step = 1.0 / 32;
        var sum = 0.5;
        for (var i = 1; i < 4096; i++)
        {
            var t = i * Step;
            var term = Math.Exp(-z * (Math.Cosh(t) - 1)) * Math.Cosh(order * t);
            sum += term;
            if (term < sum * 1e-18)
            {
                break;
            }
        }

        return sum * Step;
    }
}
