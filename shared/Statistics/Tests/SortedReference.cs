using System.Numerics;
using System.Runtime.Intrinsics;

namespace Monitoring.Statistics;

/// <summary>
/// A frozen, sorted sample of one variable, with ranks in constant expected time. Values are finite; NaN and infinite
/// values are left out at construction and counted.
/// </summary>
public sealed class SortedReference
{
    /// <summary>Values compared at once in the last step of a search.</summary>
    private const int Together = 8;

    /// <summary>The values, and behind them as many infinite ones as are compared at once: a comparison that reaches beyond the last value finds nothing below.</summary>
    private readonly double[] _values;
    private readonly int _count;
    private readonly int[] _cellStart;
    private readonly double _minimum;
    private readonly double _scale;
    private readonly int _lastCell;

    /// <param name="values">The sample, in any order; copied. May be empty: every rank is then 0.</param>
    public SortedReference(ReadOnlySpan<double> values)
    {
        var finite = new double[values.Length];
        var count = 0;
        foreach (var value in values)
        {
            if (double.IsFinite(value))
            {
                finite[count++] = value + 0.0; // −0 becomes +0: equal values must have equal ranks
            }
        }

        Array.Sort(finite, 0, count);
        Array.Resize(ref finite, count + Together);
        finite.AsSpan(count).Fill(double.PositiveInfinity);
        _values = finite;
        _count = count;
        NonFinite = values.Length - count;
        _minimum = count == 0 ? 0 : finite[0];
        var width = count == 0 ? 0 : (finite[count - 1] / 2) - (finite[0] / 2);
        var cells = Math.Max(1, Math.Min(count, 1 << 20));
        _lastCell = cells - 1;
        var scale = width > 0 ? cells / width / 2 : 0;
        _scale = double.IsFinite(scale) ? scale : 0;
        _cellStart = new int[cells + 1];
        var position = 0;
        for (var cell = 0; cell <= cells; cell++)
        {
            while (position < count && Cell(finite[position]) < cell)
            {
                position++;
            }

            _cellStart[cell] = position;
        }

        _cellStart[cells] = count;
        for (var i = 0; i < count;)
        {
            var end = i + 1;
            while (end < count && finite[end] == finite[i])
            {
                end++;
            }

            double size = end - i;
            TieCorrection += size * ((size * size) - 1) / 12;
            i = end;
        }
    }

    /// <summary>Finite values in ascending order.</summary>
    public ReadOnlySpan<double> Values => _values.AsSpan(0, _count);

    /// <summary>Number of finite values.</summary>
    public int Count => _count;

    /// <summary>Values left out because they were NaN or infinite.</summary>
    public int NonFinite { get; }


    /// <summary>Σ s(s² − 1)/12 over the groups of s equal values.</summary>
    internal double TieCorrection { get; }

    /// <summary>Number of reference values strictly below <paramref name="value"/> (finite, or ±infinity).</summary>
    public int CountBelow(double value)
    {
        var values = _values;
        var cell = Cell(value);
        int low = _cellStart[cell], high = _cellStart[cell + 1];
        while (high - low > Together)
        {
            var middle = (low + high) >>> 1;
            if (values[middle] < value)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        // Values from the end of the cell on are not below: no branch that depends on the data.
        ref var first = ref values[low];
        var wanted = Vector256.Create(value);
        var below = Vector256.LessThan(Vector256.LoadUnsafe(ref first), wanted).ExtractMostSignificantBits()
            | (Vector256.LessThan(Vector256.LoadUnsafe(ref first, (nuint)Vector256<double>.Count), wanted).ExtractMostSignificantBits() << Vector256<double>.Count);
        return low + BitOperations.PopCount(below);
    }

    /// <summary>Number of reference values at or below <paramref name="value"/>.</summary>
    public int CountAtOrBelow(double value) => EndOfTies(CountBelow(value), value);

    /// <summary>The end of the run of values equal to <paramref name="value"/> that begins at rank <paramref name="below"/>.</summary>
    internal int EndOfTies(int below, double value)
    {
        var values = _values;
        var end = below;
        while (end < _count && values[end] == value)
        {
            end++;
            if (end - below == 16)
            {
                var low = end;
                var high = _count;
                while (low < high)
                {
                    var middle = (low + high) >>> 1;
                    if (values[middle] <= value)
                    {
                        low = middle + 1;
                    }
                    else
                    {
                        high = middle;
                    }
                }

                return low;
            }
        }

        return end;
    }

    /// <summary>Linear-interpolated quantile (Hyndman and Fan type 7), 0 ≤ p ≤ 1; NaN when empty.</summary>
    public double Quantile(double probability)
    {
        if (_count == 0)
        {
            return double.NaN;
        }

        var position = Math.Clamp(probability, 0, 1) * (_count - 1);
        var lower = (int)position;
        var fraction = position - lower;
        return fraction == 0 ? _values[lower] : _values[lower] + (fraction * (_values[lower + 1] - _values[lower]));
    }

    // Monotone in the value, so that cell boundaries and searches agree exactly.
    private int Cell(double value)
    {
        var position = (value - _minimum) * _scale;
        return position > 0 ? position >= _lastCell ? _lastCell : (int)position : 0;
    }
}
