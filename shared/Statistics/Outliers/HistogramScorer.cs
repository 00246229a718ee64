namespace Monitoring.Statistics;

/// <summary>
/// HBOS (Goldstein and Dengel 2012): −Σ over columns of log₂(density of the value's bin + α), bins of equal width between the
/// reference's extremes. Outside, within <c>tolerance</c> bin widths, the edge bin counts; further out the least dense one.
/// </summary>
public sealed class HistogramScorer : IRowScorer
{
    private readonly int _bins;
    private readonly double _tolerance;
    private readonly double[] _edges;
    private readonly double[] _inverseWidth;

    // Per column: bins, then one place for "outside".
    private readonly double[] _logs;

    public HistogramScorer(ReadOnlySpan<double> reference, int columns, int bins = 10, double alpha = 0.1, double tolerance = 0.5)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(bins, 1);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(alpha, 0);
        var n = RowShape.CheckReference(reference, columns, 1);
        Columns = columns;
        _bins = bins;
        _tolerance = tolerance;
        _edges = new double[columns * (bins + 1)];
        _inverseWidth = new double[columns];
        _logs = new double[columns * (bins + 1)];
        var counts = new double[bins];
        for (var c = 0; c < columns; c++)
        {
            double low = double.PositiveInfinity, high = double.NegativeInfinity;
            for (var i = c; i < reference.Length; i += columns)
            {
                low = Math.Min(low, reference[i]);
                high = Math.Max(high, reference[i]);
            }

            if (low == high)
            {
                low -= 0.5;
                high += 0.5;
            }

            var edges = _edges.AsSpan(c * (bins + 1), bins + 1);
            var step = (high - low) / bins;
            for (var k = 0; k <= bins; k++)
            {
                edges[k] = k == bins ? high : low + (k * step);
            }

            _inverseWidth[c] = double.IsFinite(1 / step) ? 1 / step : 0;
            Array.Clear(counts);
            for (var i = c; i < reference.Length; i += columns)
            {
                counts[Bin(c, reference[i])]++;
            }

            var least = double.PositiveInfinity;
            for (var k = 0; k < bins; k++)
            {
                var width = edges[k + 1] - edges[k];
                var log = Math.Log2((width > 0 ? counts[k] / n / width : 0) + alpha);
                _logs[(c * (bins + 1)) + k] = log;
                least = Math.Min(least, log);
            }

            _logs[(c * (bins + 1)) + bins] = least;
        }
    }

    public int Columns { get; }

    public void Score(ReadOnlySpan<double> rows, Span<double> scores)
    {
        var count = RowShape.Check(rows, Columns, scores);
        for (var i = 0; i < count; i++)
        {
            double sum = 0;
            var row = rows.Slice(i * Columns, Columns);
            for (var c = 0; c < row.Length; c++)
            {
                sum += _logs[(c * (_bins + 1)) + Bin(c, row[c])];
            }

            scores[i] = -sum;
        }
    }

    // The bin [e_k, e_{k+1}), the last one closed; _bins for "outside beyond the tolerance".
    private int Bin(int column, double value)
    {
        var first = column * (_bins + 1);
        var low = _edges[first];
        var position = (value - low) * _inverseWidth[column];
        if (!(position >= 0 && position < _bins))
        {
            return position < 0
                ? position >= -_tolerance ? 0 : _bins
                : position <= _bins + _tolerance ? _bins - 1 : _bins;
        }

        var bin = (int)position;

        // Rounding may land one bin off: the edges decide.
        if (value < _edges[first + bin])
        {
            return bin - 1;
        }

        return bin + 1 < _bins && value >= _edges[first + bin + 1] ? bin + 1 : bin;
    }
}
