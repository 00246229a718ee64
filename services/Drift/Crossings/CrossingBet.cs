using Monitoring.Statistics;

namespace Monitoring.Drift;

/// <summary>
/// A bet on how often a detector crosses its own threshold. Detectors that start afresh after every crossing (ADWIN, Page-Hinkley, online MMD) have
/// crossings that form a renewal process: at each look the chance of one, given the crossings before, is at most the hazard measured on clean
/// data. The bet is a mixture of chances q, r = Σ w q/h where it crossed and Σ w (1 − q)/(1 − h) where not, over the q above h: E[r] ≤ 1
/// while the hazard is at most h. The weights follow what paid, with a small share always even (fixed share, Herbster and Warmuth 1998).
/// </summary>
internal sealed class CrossingBet
{
    private const double Share = 0.005;

    // A q below this multiple of the hazard is not worth a bet.
    private const double Margin = 1.5;
    private static readonly double[] s_chances = [0.5, 0.25, 0.1, 0.03, 0.01, 0.003];
    private readonly double[] _weights = [.. s_chances.Select(_ => 1.0 / s_chances.Length)];

    /// <summary>ln r of a look, NaN where no chance can be bet on.</summary>
    /// <param name="crossed">Whether the detector crossed since the last look.</param>
    /// <param name="hazard">The chance of that on clean data, at most; in (0, 1).</param>
    public double Look(bool crossed, double hazard)
    {
        if (!(hazard * Margin < s_chances[0]))
        {
            return double.NaN;
        }

        double r = 0;
        for (var i = 0; i < _weights.Length; i++)
        {
            var q = s_chances[i];
            var paid = q <= hazard * Margin ? 1 : crossed ? q / hazard : (1 - q) / (1 - hazard);
            _weights[i] *= paid;
            r += _weights[i];
        }

        for (var i = 0; i < _weights.Length; i++)
        {
            _weights[i] = ((1 - Share) * _weights[i] / r) + (Share / _weights.Length);
        }

        return Math.Log(r);
    }

    public void Save(CanonicalWriter writer) => writer.WriteDoubles(_weights);

    public void Restore(ref CanonicalReader reader)
    {
        var weights = reader.ReadDoubles();
        if (weights.Length != _weights.Length)
        {
            throw new InvalidDataException($"{weights.Length} weights of a bet, {_weights.Length} expected");
        }

        weights.CopyTo(_weights, 0);
    }
}
