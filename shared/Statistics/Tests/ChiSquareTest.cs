namespace Monitoring.Statistics;

/// <summary>Pearson's χ² test of independence on a contingency table of counts.</summary>
public static class ChiSquareTest
{
    /// <summary>
    /// χ² = Σ (O − E)²/E over an r×c table (row-major counts), p by χ² with (r−1)(c−1) degrees of freedom. Rows and
    /// columns that are all zero are left out. Yates' correction, where asked for, applies to one degree of freedom only.
    /// </summary>
    /// <exception cref="ArgumentException">The table does not have <paramref name="columns"/> columns, or a count is negative.</exception>
    public static TestResult Test(ReadOnlySpan<double> table, int columns, bool yates = false)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(columns, 1);
        if (table.IsEmpty || table.Length % columns != 0)
        {
            throw new ArgumentException($"{table.Length} counts do not fill rows of {columns}", nameof(table));
        }

        var rows = table.Length / columns;
        var rowSums = new double[rows];
        var columnSums = new double[columns];
        double total = 0;
        for (var i = 0; i < table.Length; i++)
        {
            if (!(table[i] >= 0) || double.IsInfinity(table[i]))
            {
                throw new ArgumentException($"count {table[i]} is not a finite number of at least 0", nameof(table));
            }

            rowSums[i / columns] += table[i];
            columnSums[i % columns] += table[i];
            total += table[i];
        }

        var degrees = (rowSums.Count(s => s > 0) - 1) * (columnSums.Count(s => s > 0) - 1);
        if (degrees <= 0)
        {
            return new TestResult(0, 1);
        }

        double statistic = 0;
        for (var i = 0; i < table.Length; i++)
        {
            var expected = rowSums[i / columns] * columnSums[i % columns] / total;
            if (expected > 0)
            {
                var difference = Math.Abs(table[i] - expected);
                difference -= yates && degrees == 1 ? Math.Min(0.5, difference) : 0;
                statistic += difference * difference / expected;
            }
        }

        return new TestResult(statistic, SpecialFunctions.ChiSquareUpperTail(statistic, degrees));
    }
}
