namespace Monitoring.Statistics;

/// <summary>Distances between the distribution functions of a sorted reference and a window of one variable, in O(n + m log m).</summary>
public static class SampleDistance
{
    /// <summary>Wasserstein-1 distance ∫ |F − G| in the variable's unit; 0 when a side is empty.</summary>
    public static double Wasserstein(SortedReference reference, ReadOnlySpan<double> window) => Integrate(reference, window, squared: false);

    /// <summary>Energy distance √(2 ∫ (F − G)²), as SciPy defines it; 0 when a side is empty.</summary>
    public static double Energy(SortedReference reference, ReadOnlySpan<double> window) => Math.Sqrt(2 * Integrate(reference, window, squared: true));

    private static double Integrate(SortedReference reference, ReadOnlySpan<double> window, bool squared)
    {
        ArgumentNullException.ThrowIfNull(reference);
        var sorted = new double[window.Length];
        var m = 0;
        foreach (var value in window)
        {
            if (double.IsFinite(value))
            {
                sorted[m++] = value;
            }
        }

        Array.Sort(sorted, 0, m);
        var values = reference.Values;
        var n = values.Length;
        if (n == 0 || m == 0)
        {
            return 0;
        }

        double sum = 0, inverseN = 1.0 / n, inverseM = 1.0 / m;
        var previous = Math.Min(values[0], sorted[0]);
        int i = 0, j = 0;
        while (i < n || j < m)
        {
            var fromReference = j >= m || (i < n && values[i] <= sorted[j]);
            var value = fromReference ? values[i] : sorted[j];
            var gap = (i * inverseN) - (j * inverseM);
            sum += (squared ? gap * gap : Math.Abs(gap)) * (value - previous);
            previous = value;
            if (fromReference)
            {
                i++;
            }
            else
            {
                j++;
            }
        }

        return sum;
    }
}
