namespace Monitoring.Statistics;

/// <summary>
/// Conformal p-values of scores against the scores of a clean reference: p = (1 + #{s_i ≥ s})/(n + 1), super-uniform when
/// the row is exchangeable with the calibration rows (Vovk; Bates et al. 2023). The smallest reachable p is 1/(n + 1).
/// </summary>
public sealed class ConformalCalibration
{
    private readonly SortedReference _scores;

    /// <param name="calibrationScores">Scores of rows the scorer has not learned from, or each without itself.</param>
    public ConformalCalibration(ReadOnlySpan<double> calibrationScores) => _scores = new SortedReference(calibrationScores);

    /// <summary>Number of calibration scores.</summary>
    public int Count => _scores.Count;

    /// <summary>The calibration scores, ascending.</summary>
    public ReadOnlySpan<double> Scores => _scores.Values;

    /// <summary>The p-value, in [1/(n + 1), 1]; 1 without calibration scores; NaN scores are the most unusual of all.</summary>
    public double PValue(double score) =>
        _scores.Count == 0 ? 1 : (1.0 + _scores.Count - (double.IsNaN(score) ? _scores.Count : _scores.CountBelow(score))) / (_scores.Count + 1);

    /// <summary>The smallest p-value that this sample can give, 1/(n + 1).</summary>
    public double Smallest => 1.0 / (Count + 1);

    /// <summary>
    /// The smoothed p-value (#{s_i &gt; s} + u·(#{s_i = s} + 1))/(n + 1), exactly uniform for exchangeable scores. For display, or for
    /// one decision: against a fixed sample p-values must not be multiplied into evidence (reference/algorithms.md d.9.2, trap).
    /// </summary>
    /// <param name="score">The score; NaN counts as the most unusual.</param>
    /// <param name="u">Uniform on [0, 1): a hash of the event's id.</param>
    public double Smoothed(double score, double u)
    {
        var atLeast = double.IsNaN(score) ? 0 : _scores.Count - _scores.CountBelow(score);
        var above = double.IsNaN(score) ? 0 : _scores.Count - _scores.CountBelow(double.BitIncrement(score));
        return (above + (u * (atLeast - above + 1))) / (Count + 1);
    }

    /// <summary>Leave-one-out p-value of a score that is itself one of the calibration scores: it is compared with the n − 1 others.</summary>
    public double LeaveOneOut(double member) => (double)Math.Max(1, _scores.Count - _scores.CountBelow(member)) / Count;

    /// <summary>
    /// The range in which the realised rate of p ≤ α lies with probability 95 % over calibration samples: Beta(l, n + 1 − l), l =
    /// ⌊(n + 1)α⌋, in its normal approximation. Zero to zero when α is below <see cref="Smallest"/>.
    /// </summary>
    public (double Low, double High) RealisedRate(double alpha)
    {
        var l = Math.Floor((Count + 1) * alpha);
        var mean = l / (Count + 1);
        var deviation = 1.96 * Math.Sqrt(mean * (1 - mean) / (Count + 2));
        return (Math.Max(0, mean - deviation), Math.Min(1, mean + deviation));
    }
}
