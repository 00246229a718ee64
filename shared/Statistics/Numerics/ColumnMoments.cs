namespace Monitoring.Statistics;

/// <summary>Column means and standard deviations of row-major tables.</summary>
public static class ColumnMoments
{
    /// <summary>Mean and population standard deviation (1 for a constant column) of each column, in two passes.</summary>
    public static (double[] Mean, double[] Deviation) MeanAndDeviation(ReadOnlySpan<double> rows, int columns)
    {
        var n = GaussianKernel.Rows(rows, columns);
        var mean = new double[columns];
        var deviation = new double[columns];
        for (var i = 0; i < rows.Length; i += columns)
        {
            for (var c = 0; c < columns; c++)
            {
                mean[c] += rows[i + c] / n;
            }
        }

        for (var i = 0; i < rows.Length; i += columns)
        {
            for (var c = 0; c < columns; c++)
            {
                var difference = rows[i + c] - mean[c];
                deviation[c] += difference * difference / n;
            }
        }

        for (var c = 0; c < columns; c++)
        {
            // Below rounding of the mean the column is constant.
            var d = Math.Sqrt(deviation[c]);
            deviation[c] = d > Math.Abs(mean[c]) * 1e-13 && d > 0 ? d : 1;
        }

        return (mean, deviation);
    }
}
