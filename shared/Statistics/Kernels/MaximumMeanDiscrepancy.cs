namespace Monitoring.Statistics;

/// <summary>
/// The unbiased squared maximum mean discrepancy (Gretton et al. 2012), exact, in double precision and quadratic time:
/// Σ_{i≠j} k(x_i, x_j)/(n(n−1)) + Σ_{i≠j} k(y_i, y_j)/(m(m−1)) − 2 mean k(x, y). The oracle for the graphs that do it at scale.
/// </summary>
public static class MaximumMeanDiscrepancy
{
    /// <param name="reference">n ≥ 2 rows.</param>
    /// <param name="window">m ≥ 2 rows.</param>
    /// <param name="sigmas">Bandwidths; with several, the kernel is their mean.</param>
    public static double Squared(ReadOnlySpan<double> reference, ReadOnlySpan<double> window, int columns, params ReadOnlySpan<double> sigmas)
    {
        if (GaussianKernel.Rows(reference, columns) < 2 || GaussianKernel.Rows(window, columns) < 2)
        {
            throw new ArgumentException("the unbiased estimate needs two rows on each side", nameof(window));
        }

        double sum = 0;
        foreach (var sigma in sigmas)
        {
            sum += OffDiagonalMean(reference, columns, sigma) + OffDiagonalMean(window, columns, sigma)
                - (2 * GaussianKernel.Gram(reference, window, columns, sigma).Average());
        }

        return sum / sigmas.Length;
    }

    private static double OffDiagonalMean(ReadOnlySpan<double> rows, int columns, double sigma)
    {
        double n = GaussianKernel.Rows(rows, columns);
        return (GaussianKernel.Gram(rows, rows, columns, sigma).Sum() - n) / (n * (n - 1));
    }
}
