namespace Monitoring.Quality;

/// <summary>Upper bound of a rate that the reference shows: three standard errors (of a Poisson count of one more) and a tolerance above it.</summary>
internal static class UsualRate
{
    /// <summary>A rate may rise by this share before it counts as change, as the shares of bins may (RUNTIME 2).</summary>
    private const double Tolerance = 0.1;

    /// <param name="count">Hits in the reference.</param>
    /// <param name="rows">Rows of the reference, at least one.</param>
    public static double UpperBound(double count, int rows) =>
        Math.Min(1, (1 + Tolerance) * (count + 1 + (3 * Math.Sqrt(count + 1))) / (rows + 1));
}
