namespace Monitoring.Statistics;

/// <summary>
/// The exact law of the two-sided one-sample Kolmogorov statistic D_n, by the regions of Simard and L'Ecuyer (2011,
/// "Computing the two-sided Kolmogorov-Smirnov distribution"): Ruben and Gambino's closed forms at the ends, Durbin's
/// matrix (Marsaglia, Tsang and Wang 2003) for small nd², twice the one-sided tail (Miller 1956) where that is exact to
/// double precision, and Pelz and Good's series (1976) for large n.
/// </summary>
public static class KolmogorovDistribution
{
    /// <summary>P(D_n ≥ d) for n ≥ 1.</summary>
    public static double UpperTail(double d, long n)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(n, 1);
        if (double.IsNaN(d))
        {
            return double.NaN;
        }

        if (d >= 1)
        {
            return 0;
        }

        var t = n * d;
        if (t <= 0.5)
        {
            return 1;
        }

        if (t <= 1)
        {
            // P(D < d) = n! (2d − 1/n)^n
            return 1 - Math.Exp(SpecialFunctions.LogGamma(n + 1) - (n * Math.Log(n)) + (n * Math.Log((2 * t) - 1)));
        }

        if (t >= n - 1)
        {
            return Math.Min(1, 2 * Math.Pow(1 - d, n));
        }

        var square = t * d;
        if (d >= 0.5 || (n <= 140 && square > 4) || (n > 140 && square >= 2.2))
        {
            return square >= 370 && n > 140 ? 0 : Math.Min(1, 2 * OneSidedUpperTail(d, n));
        }

        return n <= 140 || (n <= 100_000 && n * Math.Pow(d, 1.5) <= 1.4) ? 1 - DurbinMatrix(d, (int)n) : 1 - PelzGood(d, n);
    }

    /// <summary>P(D⁺_n ≥ d) = d Σ_j C(n, j) (d + j/n)^{j−1} (1 − d − j/n)^{n−j} (Smirnov 1944).</summary>
    public static double OneSidedUpperTail(double d, long n)
    {
        if (d <= 0)
        {
            return 1;
        }

        if (d >= 1)
        {
            return 0;
        }

        double sum = 0;
        var last = (long)Math.Floor(n * (1 - d));
        var logBinomial = 0.0;
        for (long j = 0; j <= last; j++)
        {
            var left = d + ((double)j / n);
            var right = 1 - left;
            if (right > 0 || j == n)
            {
                sum += Math.Exp(logBinomial + ((j - 1) * Math.Log(left)) + (j == n ? 0 : (n - j) * double.LogP1(-left)));
            }

            logBinomial += Math.Log((double)(n - j) / (j + 1));
        }

        return Math.Min(1, d * sum);
    }

    /// <summary>Upper tail of the limiting law of √n·D: 2 Σ (−1)^{k−1} e^{−2k²x²}.</summary>
    public static double LimitingUpperTail(double x)
    {
        if (x <= 0)
        {
            return 1;
        }

        if (x < 0.82)
        {
            double cdf = 0;
            var exponent = -Math.PI * Math.PI / (8 * x * x);
            for (var k = 1; k < 40; k += 2)
            {
                cdf += Math.Exp(exponent * k * k);
            }

            return 1 - (cdf * Math.Sqrt(2 * Math.PI) / x);
        }

        double sum = 0;
        for (var k = 1; k < 40; k++)
        {
            sum += (k % 2 == 1 ? 2 : -2) * Math.Exp(-2.0 * k * k * x * x);
        }

        return sum;
    }

    // P(D_n < d) = n!/n^n · (H^n)_{kk}, with H of size 2k − 1, k = ⌈nd⌉.
    private static double DurbinMatrix(double d, int n)
    {
        var k = (int)Math.Ceiling(n * d);
        var size = (2 * k) - 1;
        var h = k - (n * d);
        var matrix = new double[size * size];
        for (var i = 0; i < size; i++)
        {
            for (var j = 0; j < size; j++)
            {
                matrix[(i * size) + j] = i - j + 1 < 0 ? 0 : 1;
            }
        }

        for (var i = 0; i < size; i++)
        {
            matrix[i * size] -= Math.Pow(h, i + 1);
            matrix[((size - 1) * size) + i] -= Math.Pow(h, size - i);
        }

        matrix[(size - 1) * size] += (2 * h) - 1 > 0 ? Math.Pow((2 * h) - 1, size) : 0;
        for (var i = 0; i < size; i++)
        {
            for (var j = 0; j < size; j++)
            {
                double factorial = 1;
                for (var g = 2; g <= i - j + 1; g++)
                {
                    factorial *= g;
                }

                matrix[(i * size) + j] /= factorial;
            }
        }

        var (power, exponent) = Power(matrix, size, n);
        var value = power[((k - 1) * size) + k - 1];
        var result = Math.Log(value) + (exponent * Math.Log(2));
        for (var i = 1; i <= n; i++)
        {
            result += Math.Log((double)i / n);
        }

        return Math.Exp(result);
    }

    private static (double[] Matrix, long Exponent) Power(double[] matrix, int size, int n)
    {
        var result = new double[size * size];
        for (var i = 0; i < size; i++)
        {
            result[(i * size) + i] = 1;
        }

        long exponent = 0, baseExponent = 0;
        var factor = matrix;
        while (n > 0)
        {
            if ((n & 1) == 1)
            {
                result = Multiply(result, factor, size);
                exponent += baseExponent + Rescale(result);
            }

            factor = Multiply(factor, factor, size);
            baseExponent = (2 * baseExponent) + Rescale(factor);
            n >>= 1;
        }

        return (result, exponent);
    }

    private static long Rescale(double[] matrix)
    {
        var largest = matrix.Max(Math.Abs);
        if (largest is > 1e-100 and < 1e100)
        {
            return 0;
        }

        var shift = Math.ILogB(largest);
        for (var i = 0; i < matrix.Length; i++)
        {
            matrix[i] = Math.ScaleB(matrix[i], -shift);
        }

        return shift;
    }

    private static double[] Multiply(double[] left, double[] right, int size)
    {
        var product = new double[size * size];
        for (var i = 0; i < size; i++)
        {
            var row = product.AsSpan(i * size, size);
            for (var j = 0; j < size; j++)
            {
                var factor = left[(i * size) + j];
                var other = right.AsSpan(j * size, size);
                for (var c = 0; c < size; c++)
                {
                    row[c] += factor * other[c];
                }
            }
        }

        return product;
    }

    // K0 + K1/√n + K2/n + K3/n^{3/2} in z = √n·d (Pelz and Good 1976, in the theta-transformed form of Simard and L'Ecuyer).
    private static double PelzGood(double d, long n)
    {
        var rootN = Math.Sqrt(n);
        var z = rootN * d;
        double z2 = z * z, z3 = z2 * z, z4 = z2 * z2, z6 = z4 * z2, z7 = z4 * z3, z8 = z4 * z4, z10 = z4 * z6;
        const double Pi2 = Math.PI * Math.PI;
        const double Pi4 = Pi2 * Pi2;
        const double Pi6 = Pi4 * Pi2;
        var root = Math.Sqrt(Math.PI / 2);
        double k0 = 0, k1 = 0, k2A = 0, k2B = 0, k3A = 0, k3B = 0;
        for (var k = 0; k < 24; k++)
        {
            var half = k + 0.5;
            var half2 = half * half;
            var e = Math.Exp(-Pi2 * half2 / (2 * z2));
            k0 += e;
            k1 += ((Pi2 * half2) - z2) * e;
            k2A += ((6 * z6) + (2 * z4) + (Pi2 * ((2 * z4) - (5 * z2)) * half2) + (Pi4 * (1 - (2 * z2)) * half2 * half2)) * e;
            k3A += ((-30 * z6) - (90 * z8) + (Pi2 * ((135 * z4) - (96 * z6)) * half2) + (Pi4 * ((212 * z4) - (60 * z2)) * half2 * half2)
                + (Pi6 * half2 * half2 * half2 * (5 - (30 * z2)))) * e;
            if (k > 0)
            {
                double whole2 = (double)k * k;
                var f = Math.Exp(-Pi2 * whole2 / (2 * z2));
                k2B += Pi2 * whole2 * f;
                k3B += ((-Pi4 * whole2 * whole2) + (3 * Pi2 * z2 * whole2)) * f;
            }
        }

        k0 *= 2 * root / z;
        k1 *= 2 * root / (6 * z4);
        var k2 = (2 * k2A * root / (72 * z7)) - (2 * k2B * root / (36 * z3));
        var k3 = (2 * k3A * root / (6480 * z10)) + (2 * k3B * root / (216 * z6));
        return Math.Clamp(k0 + (k1 / rootN) + (k2 / n) + (k3 / (n * rootN)), 0, 1);
    }
}
