namespace Monitoring.Statistics;

/// <summary>
/// ADWIN (Bifet and Gavaldà 2007): a window over a stream of numbers that drops its oldest part when two sub-windows
/// have means that differ by more than ε = √(2 m⁻¹ σ² δ′) + ⅔ m⁻¹ δ′, δ′ = ln(2 ln(width)/δ). Held as an exponential
/// histogram: at most <c>maxBuckets</c> buckets of each size 2^i. O(log width) per look, a look every <c>clock</c> values.
/// No false-alarm guarantee with the empirical variance: for one, use evidence.
/// </summary>
public sealed class Adwin : ISequentialDetector
{
    private readonly double _delta;
    private readonly int _clock;
    private readonly int _maxBuckets;
    private readonly int _minWindowLength;
    private readonly int _gracePeriod;

    // Row i holds buckets of 2^i values, oldest first.
    private double[] _totals;
    private double[] _variances;
    private int[] _counts;
    private int _rows;
    private long _ticks;
    private bool _changed;

    /// <param name="delta">Confidence of a cut, in (0, 1).</param>
    public Adwin(double delta = 0.002, int clock = 32, int maxBuckets = 5, int minWindowLength = 5, int gracePeriod = 10)
    {
        if (!(delta > 0 && delta < 1))
        {
            throw new ArgumentOutOfRangeException(nameof(delta), delta, "delta lies in (0, 1)");
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(clock, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxBuckets, 2);
        ArgumentOutOfRangeException.ThrowIfLessThan(minWindowLength, 1);
        _delta = delta;
        _clock = clock;
        _maxBuckets = maxBuckets;
        _minWindowLength = minWindowLength;
        _gracePeriod = gracePeriod;
        _totals = new double[8 * Stride];
        _variances = new double[8 * Stride];
        _counts = new int[8];
        _rows = 1;
    }

    /// <summary>Values in the window.</summary>
    public long Width { get; private set; }

    /// <summary>Sum of the values in the window.</summary>
    public double Total { get; private set; }

    /// <summary>Sum of squared deviations in the window.</summary>
    public double SumOfSquares { get; private set; }

    /// <summary>Mean of the window; 0 when empty.</summary>
    public double Mean => Width == 0 ? 0 : Total / Width;

    private int Stride => _maxBuckets + 2;

    /// <summary>Takes the next finite value; true when a change was found. The update after an alarm starts afresh.</summary>
    public bool Update(double value)
    {
        if (_changed)
        {
            Reset();
        }

        Insert(value);
        _changed = ++_ticks % _clock == 0 && Width > _gracePeriod && Shrink();
        return _changed;
    }

    /// <summary>Fills the window with what is usual; a change within it shortens the window and is no alarm.</summary>
    public void Prime(ReadOnlySpan<double> values)
    {
        foreach (var value in values)
        {
            Insert(value);
            _ = ++_ticks % _clock == 0 && Width > _gracePeriod && Shrink();
        }

        _changed = false;
    }

    public void Save(CanonicalWriter writer)
    {
        writer.WriteCount(_ticks);
        writer.WriteByte(_changed ? (byte)1 : (byte)0);
        writer.WriteCount(Width);
        writer.WriteDoubles([Total, SumOfSquares]);
        writer.WriteCount(_rows);
        for (var row = 0; row < _rows; row++)
        {
            writer.WriteDoubles(_totals.AsSpan(row * Stride, _counts[row]));
            writer.WriteDoubles(_variances.AsSpan(row * Stride, _counts[row]));
        }
    }

    public void Restore(ref CanonicalReader reader)
    {
        _ticks = reader.ReadCount();
        _changed = reader.ReadByte() == 1;
        Width = reader.ReadCount();
        var sums = reader.ReadDoubles();
        _rows = reader.ReadLength(2);
        if (sums.Length != 2 || _rows is < 1 or > 62)
        {
            throw new InvalidDataException("an ADWIN window of another shape");
        }

        (Total, SumOfSquares) = (sums[0], sums[1]);
        if (_rows > _counts.Length)
        {
            Array.Resize(ref _counts, _rows);
            Array.Resize(ref _totals, _rows * Stride);
            Array.Resize(ref _variances, _rows * Stride);
        }

        Array.Clear(_counts);
        for (var row = 0; row < _rows; row++)
        {
            double[] totals = reader.ReadDoubles(), variances = reader.ReadDoubles();
            if (totals.Length > Stride || variances.Length != totals.Length)
            {
                throw new InvalidDataException($"a row of {totals.Length} buckets, at most {Stride} fit");
            }

            _counts[row] = totals.Length;
            totals.CopyTo(_totals, row * Stride);
            variances.CopyTo(_variances, row * Stride);
        }
    }

    private void Reset()
    {
        Array.Clear(_counts);
        _rows = 1;
        (Width, Total, SumOfSquares, _ticks, _changed) = (0, 0, 0, 0, false);
    }

    private void Insert(double value)
    {
        _totals[_counts[0]] = value;
        _variances[_counts[0]] = 0;
        _counts[0]++;
        Width++;
        if (Width > 1)
        {
            var difference = value - (Total / (Width - 1));
            SumOfSquares += (Width - 1) * difference * difference / Width;
        }

        Total += value;
        for (var row = 0; _counts[row] > _maxBuckets; row++)
        {
            Merge(row);
        }
    }

    private void Merge(int row)
    {
        if (row + 1 == _rows)
        {
            _rows++;
            if (_rows > _counts.Length)
            {
                Array.Resize(ref _counts, _rows * 2);
                Array.Resize(ref _totals, _rows * 2 * Stride);
                Array.Resize(ref _variances, _rows * 2 * Stride);
            }
        }

        var at = row * Stride;
        double size = 1L << row;
        var difference = (_totals[at] - _totals[at + 1]) / size;
        var next = ((row + 1) * Stride) + _counts[row + 1]++;
        _totals[next] = _totals[at] + _totals[at + 1];
        _variances[next] = _variances[at] + _variances[at + 1] + (size * difference * difference / 2);
        RemoveOldest(row, 2);
    }

    private void RemoveOldest(int row, int buckets)
    {
        var at = row * Stride;
        var left = _counts[row] -= buckets;
        Array.Copy(_totals, at + buckets, _totals, at, left);
        Array.Copy(_variances, at + buckets, _variances, at, left);
    }

    private bool Shrink()
    {
        var changed = false;
        while (FindCut())
        {
            changed = true;
            DropOldest();
        }

        return changed;
    }

    private bool FindCut()
    {
        double n0 = 0, n1 = Width, u0 = 0, u1 = Total;
        var deltaPrime = Math.Log(2 * Math.Log(Width) / _delta);
        var variance = SumOfSquares / Width;
        for (var row = _rows - 1; row >= 0; row--)
        {
            double size = 1L << row;
            for (var k = 0; k < _counts[row]; k++)
            {
                var total = _totals[(row * Stride) + k];
                n0 += size;
                n1 -= size;
                u0 += total;
                u1 -= total;
                if (n1 < _minWindowLength || n1 <= 0)
                {
                    return false;
                }

                if (n0 >= _minWindowLength)
                {
                    var reciprocal = (1 / (n0 - _minWindowLength + 1)) + (1 / (n1 - _minWindowLength + 1));
                    var epsilon = Math.Sqrt(2 * reciprocal * variance * deltaPrime) + (2.0 / 3 * deltaPrime * reciprocal);
                    if (Math.Abs((u0 / n0) - (u1 / n1)) > epsilon)
                    {
                        return true;
                    }
                }
            }
        }

        return false;
    }

    private void DropOldest()
    {
        var row = _rows - 1;
        double size = 1L << row;
        var total = _totals[row * Stride];
        Width -= 1L << row;
        Total -= total;
        if (Width > 0)
        {
            var difference = (total / size) - (Total / Width);
            SumOfSquares = Math.Max(0, SumOfSquares - (_variances[row * Stride] + (size * Width * difference * difference / (size + Width))));
        }
        else
        {
            SumOfSquares = 0;
        }

        RemoveOldest(row, 1);
        while (_rows > 1 && _counts[_rows - 1] == 0)
        {
            _rows--;
        }
    }
}
