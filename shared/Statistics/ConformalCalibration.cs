namespace Monitoring.Statistics;

/// <summary>
/// Conformal p-values of scores against a fixed clean sample (reference/algorithms.md e.3), for display and for single events:
/// p = (1 + #{s_i ≥ s})/(n + 1), the larger the score the smaller p. Do not multiply them into evidence: against a fixed sample
/// they are exchangeable with it only one at a time (d.9.2, trap).
/// </summary>
public sealed class ConformalCalibration
{
    private readonly double[] _sorted;

    /// <param name="scores">Clean scores, held out from what computes them; for index methods (nearest neighbours) leave-one-out scores of the index itself.</param>
    /// <exception cref="ArgumentException">Empty, or a score is NaN.</exception>
    public ConformalCalibration(ReadOnlySpan<double> scores)
    {
        if (scores.IsEmpty)
        {
            throw new ArgumentException("no scores to calibrate on", nameof(scores));
        }

        _sorted = scores.ToArray();
        if (_sorted.Any(double.IsNaN))
        {
            throw new ArgumentException("a calibration score is NaN", nameof(scores));
        }

        Array.Sort(_sorted);
    }

    /// <summary>n.</summary>
    public int Count => _sorted.Length;

    /// <summary>The smallest p-value that this sample can give, 1/(n + 1).</summary>
    public double Smallest => 1.0 / (Count + 1);

    /// <summary>p of a new score, in [1/(n + 1), 1]; NaN for NaN.</summary>
    public double P(double score) => double.IsNaN(score) ? double.NaN : (1.0 + AtLeast(score)) / (Count + 1);

    /// <summary>The smoothed p-value (#{s_i &gt; s} + u·(#{s_i = s} + 1))/(n + 1), exactly uniform for exchangeable scores.</summary>
    /// <param name="score">The score.</param>
    /// <param name="u">Uniform on [0, 1): a hash of the event's id.</param>
    public double Smoothed(double score, double u)
    {
        var atLeast = AtLeast(score);
        var above = AtLeast(double.BitIncrement(score));
        return (above + (u * (atLeast - above + 1))) / (Count + 1);
    }

    /// <summary>Leave-one-out p of a score that is itself in the sample: it is compared with the n − 1 others.</summary>
    public double LeaveOneOut(double member) => (double)Math.Max(1, AtLeast(member)) / Count;

    /// <summary>
    /// The range within which the realised false-positive rate at p ≤ α lies with probability 95 % over calibration samples:
    /// Beta(l, n + 1 − l), l = ⌊(n + 1)α⌋, in its normal approximation. Zero to zero when α is below <see cref="Smallest"/>.
    /// </summary>
    public (double Low, double High) RealisedRate(double alpha)
    {
        var l = Math.Floor((Count + 1) * alpha);
        var mean = l / (Count + 1);
        var deviation = 1.96 * Math.Sqrt(mean * (1 - mean) / (Count + 2));
        return (Math.Max(0, mean - deviation), Math.Min(1, mean + deviation));
    }

    private int AtLeast(double score)
    {
        var low = 0;
        var high = _sorted.Length;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (_sorted[middle] < score)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return _sorted.Length - low;
    }
}
