namespace Monitoring.Statistics;

/// <summary>
/// Per-column empirical tails of a frozen reference: −ln F̂(x) and −ln (1 − F̂(x⁻)), where the row itself counts as one
/// observation beside the n of the reference, so that both are finite; and the sign of each column's skewness.
/// </summary>
internal sealed class EmpiricalTails
{
    /// <summary>64 KiB of rows.</summary>
    private const int ValuesTogether = 8_192;
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

    /// <summary>Adds a function of both tails of every column to the rows' scores, column by column and some rows at a time: a column's reference and the rows both stay in the cache.</summary>
    public void Accumulate<TCombine>(ReadOnlySpan<double> rows, Span<double> scores)
        where TCombine : struct, ITailCombination
    {
        scores.Clear();
        var together = Math.Max(1, ValuesTogether / _columns.Length);
        for (var from = 0; from < scores.Length; from += together)
        {
            var count = Math.Min(together, scores.Length - from);
            Accumulate<TCombine>(rows.Slice(from * _columns.Length, count * _columns.Length), scores.Slice(from, count), _columns.Length);
        }
    }

    private void Accumulate<TCombine>(ReadOnlySpan<double> rows, Span<double> scores, int columns)
        where TCombine : struct, ITailCombination
    {
        for (var c = 0; c < columns; c++)
        {
            var reference = _columns[c];
            var values = reference.Values;
            var n = values.Length;
            int skew = _skew[c];
            for (int i = 0, at = c; i < scores.Length; i++, at += columns)
            {
                var value = rows[at];
                var below = reference.CountBelow(value);
                var atOrBelow = below < n && values[below] == value ? reference.EndOfTies(below, value) : below;
                scores[i] += TCombine.Combine(_logs[atOrBelow + 1], _logs[n - below + 1], skew);
            }
        }
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
