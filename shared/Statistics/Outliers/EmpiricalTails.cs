namespace Monitoring.Statistics;

/// <summary>
/// Per-column empirical tails of a frozen reference: −ln F̂(x) and −ln (1 − F̂(x⁻)), where the row itself counts as one
/// observation beside the n of the reference, so that both are finite; and the sign of each column's skewness.
/// </summary>
internal sealed class EmpiricalTails
{
    private readonly SortedReference[] _columns;
    private readonly double[] _logs;
    private readonly sbyte[] _skew;

    public EmpiricalTails(ReadOnlySpan<double> reference, int columns)
    {
        var n = RowShape.CheckReference(reference, columns, 1);
        _columns = new SortedReference[columns];
        _skew = new sbyte[columns];
        var column = new double[n];
        for (var c = 0; c < columns; c++)
        {
            for (var i = 0; i < n; i++)
            {
                column[i] = reference[(i * columns) + c];
            }

            _columns[c] = new SortedReference(column);
            _skew[c] = SkewSign(column);
        }

        // −ln(k/(n + 1)) for k = 0 … n + 1; k is never 0, as the row counts itself.
        _logs = new double[n + 2];
        for (var k = 1; k < _logs.Length; k++)
        {
            _logs[k] = -Math.Log((double)k / (n + 1));
        }
    }

    public int Columns => _columns.Length;

    public int Skew(int column) => _skew[column];

    public (double Left, double Right) Of(int column, double value)
    {
        var reference = _columns[column];
        var below = reference.CountBelow(value);
        var atOrBelow = below < reference.Count && reference.Values[below] == value ? reference.EndOfTies(below, value) : below;
        return (_logs[atOrBelow + 1], _logs[reference.Count - below + 1]);
    }

    private static sbyte SkewSign(double[] values)
    {
        double mean = 0;
        foreach (var value in values)
        {
            mean += value / values.Length;
        }

        double second = 0, third = 0;
        foreach (var value in values)
        {
            var difference = value - mean;
            second += difference * difference;
            third += difference * difference * difference;
        }

        // A column symmetric up to rounding has no skew to speak of.
        var scaled = second > 0 ? third / Math.Pow(second, 1.5) : 0;
        return (sbyte)(Math.Abs(scaled) < 1e-15 || !double.IsFinite(scaled) ? 0 : Math.Sign(scaled));
    }
}
