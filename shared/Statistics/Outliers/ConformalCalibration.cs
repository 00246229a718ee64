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
}
