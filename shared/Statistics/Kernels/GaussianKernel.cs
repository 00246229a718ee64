using System.Numerics.Tensors;

namespace Monitoring.Statistics;

/// <summary>The Gaussian kernel k(a, b) = exp(−‖a − b‖²/(2σ²)).</summary>
public static class GaussianKernel
{
    /// <summary>
    /// The median heuristic on n rows: sort all n² squared distances of the rows with each other, diagonal included, and take
    /// σ = √(½ · the (n + (n² − n)/2)-th smallest), the upper median off the diagonal. At least 1e-15.
    /// </summary>
    public static double MedianHeuristic(ReadOnlySpan<double> rows, int columns)
    {
        var n = Rows(rows, columns);
        if (n < 2)
        {
            return 1;
        }

        // Off-diagonal pairs come twice: the element asked for is the ⌈p/2⌉-th of the p = n(n−1)/2 distinct pairs.
        var pairs = new double[n * (n - 1) / 2];
        var at = 0;
        for (var i = 1; i < n; i++)
        {
            for (var j = 0; j < i; j++)
            {
                pairs[at++] = SquaredDistance(rows.Slice(i * columns, columns), rows.Slice(j * columns, columns));
            }
        }

        Array.Sort(pairs);
        var rank = ((long)n * (n - 1) / 2) - 1; // 0-based among the off-diagonal values, each pair twice
        return Math.Sqrt(0.5 * Math.Max(pairs[rank / 2], 1e-30));
    }

    /// <summary>k between every row of <paramref name="a"/> and every row of <paramref name="b"/>, row-major.</summary>
    public static double[] Gram(ReadOnlySpan<double> a, ReadOnlySpan<double> b, int columns, double sigma)
    {
        int n = Rows(a, columns), m = Rows(b, columns);
        var gram = new double[n * m];
        for (var i = 0; i < n; i++)
        {
            for (var j = 0; j < m; j++)
            {
                gram[(i * m) + j] = SquaredDistance(a.Slice(i * columns, columns), b.Slice(j * columns, columns));
            }
        }

        TensorPrimitives.Multiply(gram, -1 / (2 * sigma * sigma), gram);
        TensorPrimitives.Exp<double>(gram, gram);
        return gram;
    }

    internal static double SquaredDistance(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        var distance = TensorPrimitives.Distance(a, b);
        return distance * distance;
    }

    internal static int Rows(ReadOnlySpan<double> values, int columns)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(columns, 1);
        return values.Length % columns == 0
            ? values.Length / columns
            : throw new ArgumentException($"{values.Length} values do not fill rows of {columns}", nameof(values));
    }
}
