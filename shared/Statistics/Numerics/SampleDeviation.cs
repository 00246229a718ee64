namespace Monitoring.Statistics;

/// <summary>Standard deviation of a sample, by n − 1, in two passes: nothing cancels.</summary>
public static class SampleDeviation
{
    /// <summary>0 for one value; NaN for none.</summary>
    public static double Of(ReadOnlySpan<float> values)
    {
        double sum = 0, squares = 0;
        foreach (var value in values)
        {
            sum += value;
        }

        var mean = sum / values.Length;
        foreach (var value in values)
        {
            squares += (value - mean) * (value - mean);
        }

        return Math.Sqrt(squares / Math.Max(1, values.Length - 1));
    }
}
