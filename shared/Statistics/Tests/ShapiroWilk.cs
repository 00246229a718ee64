namespace Monitoring.Statistics;

/// <summary>The Shapiro-Wilk test of normality, W and p by Royston's approximations (1992, 1995: algorithm AS R94), in double precision.</summary>
public static class ShapiroWilk
{
    private static readonly double[] s_c1 = [0, 0.221157, -0.147981, -2.07119, 4.434685, -2.706056];
    private static readonly double[] s_c2 = [0, 0.042981, -0.293762, -1.752461, 5.682633, -3.582633];
    private static readonly double[] s_meanSmall = [0.544, -0.39978, 0.025054, -6.714e-4];
    private static readonly double[] s_deviationSmall = [1.3822, -0.77857, 0.062767, -0.0020322];
    private static readonly double[] s_mean = [-1.5861, -0.31082, -0.083751, 0.0038915];
    private static readonly double[] s_deviation = [-0.4803, -0.082676, 0.0030302];

    /// <summary>Tests at least 3 finite values; p is calibrated up to about 5,000. All values equal gives W = 1, p = 1.</summary>
    /// <exception cref="ArgumentException">Fewer than 3 values, or one that is not finite.</exception>
    public static TestResult Test(ReadOnlySpan<double> values)
    {
        var n = values.Length;
        if (n < 3)
        {
            throw new ArgumentException($"the Shapiro-Wilk test needs at least 3 values, got {n}", nameof(values));
        }

        var sorted = values.ToArray();
        Array.Sort(sorted);
        if (!double.IsFinite(sorted[0]) || !double.IsFinite(sorted[^1]))
        {
            throw new ArgumentException("the Shapiro-Wilk test needs finite values", nameof(values));
        }

        var weights = Weights(n);
        double mean = 0;
        foreach (var x in sorted)
        {
            mean += x / n;
        }

        double squares = 0, products = 0, weightSquares = 0;
        for (var i = 0; i < n; i++)
        {
            var weight = i < n / 2 ? -weights[i] : n - 1 - i < n / 2 ? weights[n - 1 - i] : 0;
            squares += (sorted[i] - mean) * (sorted[i] - mean);
            products += weight * (sorted[i] - mean);
            weightSquares += weight * weight;
        }

        if (squares <= 0)
        {
            return new TestResult(1, 1);
        }

        // 1 − W from a difference of roots, which loses nothing when W is close to 1.
        var root = Math.Sqrt(weightSquares * squares);
        var complement = Math.Max((root - products) * (root + products) / (weightSquares * squares), 0);
        var w = 1 - complement;
        return new TestResult(w, PValue(w, complement, n));
    }

    private static double PValue(double w, double complement, int n)
    {
        if (n == 3)
        {
            const double SixOverPi = 6 / Math.PI;
            return Math.Clamp(SixOverPi * (Math.Asin(Math.Sqrt(Math.Clamp(w, 0, 1))) - Math.Asin(Math.Sqrt(0.75))), 0, 1);
        }

        if (complement <= 0)
        {
            return 1;
        }

        var y = Math.Log(complement);
        double mean, deviation;
        if (n <= 11)
        {
            var gamma = -2.273 + (0.459 * n);
            if (y >= gamma)
            {
                return 1e-99;
            }

            y = -Math.Log(gamma - y);
            mean = Polynomial(s_meanSmall, n);
            deviation = Math.Exp(Polynomial(s_deviationSmall, n));
        }
        else
        {
            var logN = Math.Log(n);
            mean = Polynomial(s_mean, logN);
            deviation = Math.Exp(Polynomial(s_deviation, logN));
        }

        return SpecialFunctions.NormalUpperTail((y - mean) / deviation);
    }

    private static double[] Weights(int n)
    {
        var half = n / 2;
        var weights = new double[half];
        if (n == 3)
        {
            weights[0] = Math.Sqrt(0.5);
            return weights;
        }

        double sum = 0;
        for (var i = 0; i < half; i++)
        {
            weights[i] = SpecialFunctions.NormalQuantile((i + 1 - 0.375) / (n + 0.25));
            sum += weights[i] * weights[i];
        }

        sum *= 2;
        var norm = Math.Sqrt(sum);
        var rsn = 1 / Math.Sqrt(n);
        var first = Polynomial(s_c1, rsn) - (weights[0] / norm);
        double factor;
        int start;
        if (n > 5)
        {
            var second = (-weights[1] / norm) + Polynomial(s_c2, rsn);
            factor = Math.Sqrt((sum - (2 * weights[0] * weights[0]) - (2 * weights[1] * weights[1])) / (1 - (2 * first * first) - (2 * second * second)));
            weights[1] = second;
            start = 2;
        }
        else
        {
            factor = Math.Sqrt((sum - (2 * weights[0] * weights[0])) / (1 - (2 * first * first)));
            start = 1;
        }

        weights[0] = first;
        for (var i = start; i < half; i++)
        {
            weights[i] /= -factor;
        }

        return weights;
    }

    private static double Polynomial(double[] coefficients, double x)
    {
        double value = 0;
        for (var i = coefficients.Length - 1; i >= 0; i--)
        {
            value = (value * x) + coefficients[i];
        }

        return value;
    }
}
