using Monitoring.Statistics;

namespace Monitoring.Quality;

/// <summary>
/// Evidence that the mean of a loss in [0, 1] rose above m, at any time: Shiryaev–Roberts over the bets of Waudby-Smith and Ramdas (JRSS B 2024), SR ← (1 + λ(x − m))·(SR + 1), averaged over three λ below 1/m. While E[x | past] ≤ m
/// every increment is fair, whatever the distribution.
/// </summary>
internal sealed class BoundedLossEvidence
{
    private const double Saturation = 1e30;
    private static readonly double[] s_bets = [0.05, 0.2, 0.6];
    private readonly double _mean;
    private readonly double[] _values = new double[s_bets.Length];

    /// <summary>The CUSUM of the boldest bet, C ← r·max(C, 1): below 1 nothing is left of what came before.</summary>
    private double _strongest;

    /// <param name="mean">m in (0, 1).</param>
    public BoundedLossEvidence(double mean)
    {
        if (!(mean is > 0 and < 1))
        {
            throw new ArgumentOutOfRangeException(nameof(mean), mean, "the mean of a loss in [0, 1] lies in (0, 1)");
        }

        _mean = mean;
    }

    public double LogEvidence => Math.Log((_values[0] + _values[1] + _values[2]) / _values.Length);

    /// <summary>Draws since the present evidence began.</summary>
    public long Draws { get; private set; }

    public long SinceOffset { get; private set; }

    public long SinceTime { get; private set; }

    /// <summary>Takes a loss in [0, 1] at a place of the log.</summary>
    public void Update(double loss, long offset, long time)
    {
        if (Draws == 0 || _strongest < 1)
        {
            (Draws, SinceOffset, SinceTime) = (0, offset, time);
        }

        for (var i = 0; i < _values.Length; i++)
        {
            _values[i] = Math.Min((1 + (s_bets[i] / _mean * (loss - _mean))) * (_values[i] + 1), Saturation);
        }

        _strongest = Math.Min((1 + (s_bets[^1] / _mean * (loss - _mean))) * Math.Max(_strongest, 1), Saturation);
        Draws++;
    }

    /// <summary>Begins anew, from 0.</summary>
    public void Restart()
    {
        Array.Clear(_values);
        _strongest = 0;
        Draws = 0;
    }

    public void Save(CanonicalWriter writer)
    {
        writer.WriteDoubles([.. _values, _strongest]);
        writer.WriteCount(Draws);
        writer.WriteSigned(SinceOffset);
        writer.WriteSigned(SinceTime);
    }

    /// <exception cref="InvalidDataException">Bytes of something else.</exception>
    public void Restore(ref CanonicalReader reader)
    {
        var values = reader.ReadDoubles();
        if (values.Length != _values.Length + 1 || !values.All(v => v >= 0 && v <= Saturation))
        {
            throw new InvalidDataException("state of other evidence");
        }

        values.AsSpan(0, _values.Length).CopyTo(_values);
        _strongest = values[^1];
        Draws = reader.ReadCount();
        SinceOffset = reader.ReadSigned();
        SinceTime = reader.ReadSigned();
    }
}
