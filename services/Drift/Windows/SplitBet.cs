using Monitoring.Statistics;

namespace Monitoring.Drift;

/// <summary>
/// A bet on one column between windows (reference/algorithms.md d.9.4): a closed window says which set of bins has grown most,
/// the rows of the next ones are bet to fall into it. The null prediction of the set is the Pólya urn over reference and
/// all draws so far, exact for independent draws whatever set the past chose; the bet is divided by its reverse information
/// projection on shares moved by at most a factor 1 ± tolerance. It always bets on a change beyond the tolerance, however
/// small the window's: while nothing has changed the wealth then shrinks instead of standing still.
/// </summary>
internal sealed class SplitBet(ReferenceColumn column, double tolerance)
{
    private const double PriorStrength = 20;

    // The smallest change bet on, beyond the tolerance.
    private const double SmallestBet = 0.1;

    // A window weighs half of the next one.
    private const double Memory = 0.5;
    private readonly double[] _seen = new double[column.Bins];
    private readonly double[] _recent = new double[column.Bins];
    private readonly double[] _window = new double[column.Bins];
    private readonly bool[] _inside = new bool[column.Bins];
    private double _share;
    private bool _betting;

    // Masses and draws so far, of all bins and of those inside: sums of whole and half numbers, exact in any order.
    private double _total = Sum(column.Masses);
    private double _insideTotal;

    /// <summary>ln r of the next draw, NaN where nothing is bet; then learns the draw.</summary>
    public double Draw(double value)
    {
        if (double.IsNaN(value))
        {
            return double.NaN;
        }

        var bin = column.Bin(value);
        var increment = double.NaN;
        if (_betting)
        {
            var expected = _insideTotal / _total;
            var low = Math.Max((1 - tolerance) * expected, 1 - ((1 + tolerance) * (1 - expected)));
            var high = Math.Min((1 + tolerance) * expected, 1 - ((1 - tolerance) * (1 - expected)));
            var share = Math.Max(_share, Math.Min(high * (1 + SmallestBet), (1 + high) / 2));
            var projected = Math.Clamp(share, low, high);
            increment = _inside[bin] ? Math.Log(share / projected) : Math.Log((1 - share) / (1 - projected));
        }

        _seen[bin]++;
        _window[bin]++;
        _total++;
        _insideTotal += _inside[bin] ? 1 : 0;
        return increment;
    }

    /// <summary>Chooses the set for the coming window.</summary>
    public void CloseWindow()
    {
        double recent = 0, total = 0;
        for (var b = 0; b < _recent.Length; b++)
        {
            _recent[b] = (_recent[b] * Memory) + _window[b];
            _window[b] = 0;
            recent += _recent[b];
            total += column.Masses[b] + _seen[b];
        }

        if (recent <= 0)
        {
            _betting = false;
            return;
        }

        Array.Clear(_inside);
        if (column.Categories > 0)
        {
            for (var b = 0; b < _recent.Length; b++)
            {
                _inside[b] = _recent[b] / recent > (column.Masses[b] + _seen[b]) / total;
            }
        }
        else
        {
            // The cut where the distribution functions differ most, and the side that has grown.
            double difference = 0, best = 0;
            var cut = 0;
            for (var b = 0; b < _recent.Length - 1; b++)
            {
                difference += (_recent[b] / recent) - ((column.Masses[b] + _seen[b]) / total);
                if (Math.Abs(difference) > Math.Abs(best))
                {
                    (best, cut) = (difference, b);
                }
            }

            for (var b = 0; b < _inside.Length; b++)
            {
                _inside[b] = best > 0 == b <= cut;
            }
        }

        double insideRecent = 0, insideExpected = 0;
        for (var b = 0; b < _inside.Length; b++)
        {
            insideRecent += _inside[b] ? _recent[b] : 0;
            insideExpected += _inside[b] ? (column.Masses[b] + _seen[b]) / total : 0;
        }

        _insideTotal = InsideTotal();
        _share = (insideRecent + (PriorStrength * insideExpected)) / (recent + PriorStrength);
        _betting = _share is > 0 and < 1 && insideExpected is > 0 and < 1;
    }

    public void Save(CanonicalWriter writer)
    {
        writer.WriteCount(_seen.Length);
        for (var b = 0; b < _seen.Length; b++)
        {
            writer.WriteCount((long)_seen[b]);
            writer.WriteCount((long)_window[b]);
        }

        writer.WriteDoubles(_recent);
        writer.WriteDouble(_share);
        writer.WriteByte(_betting ? (byte)1 : (byte)0);
        foreach (var inside in _inside)
        {
            writer.WriteByte(inside ? (byte)1 : (byte)0);
        }
    }

    public void Restore(ref CanonicalReader reader)
    {
        var bins = reader.ReadLength(2);
        if (bins != _seen.Length)
        {
            throw new InvalidDataException($"state of {bins} bins, {_seen.Length} expected");
        }

        _total = Sum(column.Masses);
        for (var b = 0; b < bins; b++)
        {
            _seen[b] = reader.ReadCount();
            _window[b] = reader.ReadCount();
            _total += _seen[b];
        }

        Copy(reader.ReadDoubles(), _recent);
        _share = reader.ReadDouble();
        _betting = reader.ReadByte() == 1;
        for (var b = 0; b < _inside.Length; b++)
        {
            _inside[b] = reader.ReadByte() == 1;
        }

        _insideTotal = InsideTotal();
    }

    private double InsideTotal()
    {
        var sum = 0.0;
        for (var b = 0; b < _inside.Length; b++)
        {
            sum += _inside[b] ? column.Masses[b] + _seen[b] : 0;
        }

        return sum;
    }

    private static double Sum(double[] values)
    {
        var sum = 0.0;
        foreach (var value in values)
        {
            sum += value;
        }

        return sum;
    }

    private static void Copy(double[] from, double[] to)
    {
        if (from.Length != to.Length)
        {
            throw new InvalidDataException($"state of {from.Length} bins, {to.Length} expected");
        }

        from.CopyTo(to, 0);
    }
}
