using Monitoring.Detection;

namespace Monitoring.Adversarial;

/// <summary>
/// Fingerprint of a row of columns: each column is scaled to its rank in the profile (0 to 255), dithered and quantised like a cell, and 50 keyed random
/// subsets of columns, each bound to its number, give one hash each (RUNTIME.md 6).
/// </summary>
internal sealed class RowFingerprinter : Fingerprinter
{
    private const byte DitherPurpose = 11;
    private const byte CoefficientPurpose = 12;
    private const byte SubsetPurpose = 13;
    private const byte StartPurpose = 14;

    /// <summary>Columns of one subset.</summary>
    public const int SubsetWidth = 8;

    private readonly float[][] _knots;
    private readonly float _inverseStep;
    private readonly float[] _dither;
    private readonly int[] _subsets;
    private readonly ulong[] _coefficients;
    private readonly ulong[] _starts;

    /// <param name="knots">Per column: sorted values of the profile at equal steps of rank.</param>
    /// <param name="step">q, in levels of 255.</param>
    /// <param name="key">Secret.</param>
    public RowFingerprinter(float[][] knots, double step, FingerprintKey key)
    {
        if (knots.Length < SubsetWidth)
        {
            throw new FitException($"{knots.Length} columns are too few: below about 15 effective columns near copies cannot be told from the crowd");
        }

        _knots = knots;
        _inverseStep = (float)(1 / step);
        _dither = new float[knots.Length];
        for (var i = 0; i < _dither.Length; i++)
        {
            _dither[i] = (float)(key.DrawUnit(DitherPurpose, i) * step);
        }

        _subsets = new int[Kept * SubsetWidth];
        _coefficients = new ulong[SubsetWidth];
        _starts = new ulong[Kept];
        var order = new int[knots.Length];
        for (var s = 0; s < Kept; s++)
        {
            // The first SubsetWidth places of a keyed shuffle.
            for (var i = 0; i < order.Length; i++)
            {
                order[i] = i;
            }

            for (var i = 0; i < SubsetWidth; i++)
            {
                var other = i + (int)(key.DrawUnit(SubsetPurpose, (s * SubsetWidth) + i) * (order.Length - i));
                (order[i], order[other]) = (order[other], order[i]);
                _subsets[(s * SubsetWidth) + i] = order[i];
            }

            _starts[s] = key.Draw(StartPurpose, s);
        }

        for (var i = 0; i < SubsetWidth; i++)
        {
            _coefficients[i] = key.Draw(CoefficientPurpose, i) | 1;
        }
    }

    public override int MaximumHashes => Kept;

    public override int Hash(ReadOnlySpan<float> row, Span<ulong> hashes)
    {
        Span<ulong> levels = row.Length <= 2048 ? stackalloc ulong[row.Length] : new ulong[row.Length];
        for (var i = 0; i < row.Length; i++)
        {
            levels[i] = (ulong)(((255 * Rank(_knots[i], row[i])) + _dither[i]) * _inverseStep);
        }

        for (var s = 0; s < Kept; s++)
        {
            var hash = _starts[s];
            var subset = _subsets.AsSpan(s * SubsetWidth, SubsetWidth);
            for (var i = 0; i < subset.Length; i++)
            {
                hash += _coefficients[i] * (levels[subset[i]] + 40_000);
            }

            hashes[s] = ImageFingerprinter.Finish(hash);
        }

        return Kept;
    }

    /// <summary>Rank of a value among the knots, in [0, 1]: linear between knots, the middle of the ties on them; NaN is 0.</summary>
    internal static float Rank(float[] knots, float value)
    {
        if (float.IsNaN(value))
        {
            return 0;
        }

        var lower = Count(knots, value, orEqual: false);
        var upper = Count(knots, value, orEqual: true);
        float place;
        if (upper > lower)
        {
            place = (lower + upper - 1) / 2f;
        }
        else if (lower == 0 || lower == knots.Length)
        {
            place = lower == 0 ? 0 : knots.Length - 1;
        }
        else
        {
            place = lower - 1 + ((value - knots[lower - 1]) / (knots[lower] - knots[lower - 1]));
        }

        return place / (knots.Length - 1);
    }

    /// <summary>Number of knots below (or not above) the value.</summary>
    private static int Count(float[] knots, float value, bool orEqual)
    {
        int low = 0, high = knots.Length;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (knots[middle] < value || (orEqual && knots[middle] == value))
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
