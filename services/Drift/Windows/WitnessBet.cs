using System.Numerics.Tensors;
using Monitoring.Statistics;

namespace Monitoring.Drift;

/// <summary>
/// A bet on the means of a row's features between windows (Shekhar and Ramdas 2023). A closed window gives a direction w from the mean of
/// one part of the reference to that of recent windows; the witness g(x) = tanh((w·z(x) − m)/2s) is centred and scaled on the
/// other, held-out part. Each row of the next window pays h = g(x) − mean g − ε_t and the wealth grows by 1 + λh, where
/// ε_t = sd(g)·√(2 ln(π²t²/6δ)/n), δ = 1 %, bounds how far the held-out mean can lie from its population's in the direction of the
/// t-th window, which the held-out rows had no part in choosing: E[1 + λh] ≤ 1 while nothing has changed, in all windows together with probability
/// about 1 − δ over the reference.
/// </summary>
internal sealed class WitnessBet
{
    private const double Confidence = 0.01;

    // |h| < 3, so wealth factors stay above zero. The smallest bet makes the wealth shrink while nothing happens.
    private const double LargestBet = 0.3;
    private const double SmallestBet = 0.02;
    private const double FirstBet = 0.05;
    private const double PayoffMemory = 0.99;

    // A window weighs half of the next one.
    private const double Memory = 0.5;
    private readonly double[] _mean;
    private readonly float[] _heldOut;
    private readonly int _heldOutRows;
    private readonly Func<double[], double[]> _direction;
    private readonly double[] _windowSum;
    private readonly double[] _recent;
    private readonly double[] _witness;
    private int _count;
    private double _recentCount;
    private double _offset;
    private double _centre;
    private double _spread = 1;
    private bool _betting;
    private double _payoffMean;
    private double _payoffSquare;
    private double _payoffs;

    /// <param name="mean">Mean features of the reference rows that are not held out.</param>
    /// <param name="heldOut">Features of the held-out rows, row-major.</param>
    /// <param name="direction">From a difference of means to a direction.</param>
    public WitnessBet(double[] mean, float[] heldOut, Func<double[], double[]> direction)
    {
        _mean = mean;
        _heldOut = heldOut;
        _heldOutRows = heldOut.Length / mean.Length;
        _direction = direction;
        _windowSum = new double[mean.Length];
        _recent = new double[mean.Length];
        _witness = new double[mean.Length];
    }

    public long Windows { get; private set; }

    /// <summary>The direction now bet along, of unit length; zeros where nothing is bet.</summary>
    public ReadOnlySpan<double> Witness => _witness;

    /// <summary>ln of the wealth's factor, NaN where nothing is bet; then learns the row.</summary>
    public double Draw(ReadOnlySpan<float> features)
    {
        var increment = double.NaN;
        if (_betting)
        {
            var payoff = Math.Tanh((Project(features) - _centre) / _spread) - _offset;
            var bet = _payoffs < 20 ? FirstBet : Math.Clamp(_payoffMean / Math.Max(1e-9, _payoffSquare), SmallestBet, LargestBet);
            increment = double.LogP1(bet * payoff);
            var weight = 1 - (_payoffs < 100 ? _payoffs / (_payoffs + 1) : PayoffMemory);
            _payoffMean += weight * (payoff - _payoffMean);
            _payoffSquare += weight * ((payoff * payoff) - _payoffSquare);
            _payoffs++;
        }

        for (var f = 0; f < features.Length; f++)
        {
            _windowSum[f] += features[f];
        }

        _count++;
        return increment;
    }

    /// <summary>Chooses the direction for the coming window.</summary>
    public void CloseWindow()
    {
        _recentCount = (_recentCount * Memory) + _count;
        var difference = new double[_mean.Length];
        for (var f = 0; f < _recent.Length; f++)
        {
            _recent[f] = (_recent[f] * Memory) + _windowSum[f];
            difference[f] = (_recent[f] / _recentCount) - _mean[f];
        }

        Array.Clear(_windowSum);
        _count = 0;
        Windows++;
        var direction = _direction(difference);
        var norm = TensorPrimitives.Norm<double>(direction);
        _betting = norm > 0 && double.IsFinite(norm);
        Array.Clear(_witness);
        if (_betting)
        {
            TensorPrimitives.Divide(direction, norm, _witness);
            Calibrate();
        }
    }

    public void Save(CanonicalWriter writer)
    {
        writer.WriteDoubles(_windowSum);
        writer.WriteDoubles(_recent);
        writer.WriteDoubles(_witness);
        writer.WriteDoubles([_recentCount, _offset, _centre, _spread, _payoffMean, _payoffSquare, _payoffs]);
        writer.WriteCount(_count);
        writer.WriteCount(Windows);
        writer.WriteByte(_betting ? (byte)1 : (byte)0);
    }

    public void Restore(ref CanonicalReader reader)
    {
        double[] windowSum = reader.ReadDoubles(), recent = reader.ReadDoubles(), witness = reader.ReadDoubles(), scalars = reader.ReadDoubles();
        if (windowSum.Length != _windowSum.Length || recent.Length != _recent.Length || witness.Length != _witness.Length || scalars.Length != 7)
        {
            throw new InvalidDataException("a bet's state of another shape");
        }

        windowSum.CopyTo(_windowSum, 0);
        recent.CopyTo(_recent, 0);
        witness.CopyTo(_witness, 0);
        (_recentCount, _offset, _centre, _spread, _payoffMean, _payoffSquare, _payoffs) = (scalars[0], scalars[1], scalars[2], scalars[3], scalars[4], scalars[5], scalars[6]);
        _count = checked((int)reader.ReadCount());
        Windows = reader.ReadCount();
        _betting = reader.ReadByte() == 1;
    }

    // Centre, spread and mean of the witness over the held-out rows.
    private void Calibrate()
    {
        var values = new double[_heldOutRows];
        for (var r = 0; r < values.Length; r++)
        {
            values[r] = Project(_heldOut.AsSpan(r * _mean.Length, _mean.Length));
        }

        (_centre, var deviation) = Moments(values);
        _betting = deviation > 0;
        _spread = 2 * deviation;
        for (var r = 0; r < values.Length && _betting; r++)
        {
            values[r] = Math.Tanh((values[r] - _centre) / _spread);
        }

        var (mean, spread) = Moments(values);
        _offset = mean + (spread * Math.Sqrt(2 * Math.Log(Math.PI * Math.PI * Windows * Windows / (6 * Confidence)) / _heldOutRows));
    }

    private double Project(ReadOnlySpan<float> features)
    {
        double sum = 0;
        for (var f = 0; f < features.Length; f++)
        {
            sum += _witness[f] * features[f];
        }

        return sum;
    }

    private static (double Mean, double Deviation) Moments(double[] values)
    {
        var mean = values.Average();
        return (mean, Math.Sqrt(values.Sum(v => (v - mean) * (v - mean)) / Math.Max(1, values.Length - 1)));
    }
}
