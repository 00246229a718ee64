namespace Monitoring.Statistics;

/// <summary>Argument checks of the row scorers.</summary>
internal static class RowShape
{
    public static int Check(ReadOnlySpan<double> rows, int columns, Span<double> scores)
    {
        var count = GaussianKernel.Rows(rows, columns);
        return count == scores.Length
            ? count
            : throw new ArgumentException($"{count} rows of {columns} columns need as many scores, got {scores.Length}", nameof(scores));
    }

    /// <summary>The number of reference rows, at least <paramref name="minimum"/>, all finite.</summary>
    public static int CheckReference(ReadOnlySpan<double> rows, int columns, int minimum)
    {
        var count = GaussianKernel.Rows(rows, columns);
        if (count < minimum)
        {
            throw new ArgumentException($"the reference needs at least {minimum} rows, got {count}", nameof(rows));
        }

        for (var i = 0; i < rows.Length; i++)
        {
            if (!double.IsFinite(rows[i]))
            {
                throw new ArgumentException($"reference row {i / columns} column {i % columns} is {rows[i]}: replace missing values first", nameof(rows));
            }
        }

        return count;
    }
}
