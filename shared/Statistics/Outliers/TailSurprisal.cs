namespace Monitoring.Statistics;

/// <summary>
/// How surprising a score is: −ln of its conformal p-value against calibration scores, continued beyond the calibration
/// scores' upper twentieth by an exponential tail with their mean excess (the generalised Pareto tail of shape 0), so that
/// scores beyond all calibration scores still differ.
/// </summary>
public sealed class TailSurprisal
{
    private readonly SortedReference _scores;
    private readonly double _threshold;
    private readonly double _meanExcess;
    private readonly double _atThreshold;

    /// <param name="calibrationScores">At least one finite score.</param>
    public TailSurprisal(ReadOnlySpan<double> calibrationScores)
    {
        _scores = new SortedReference(calibrationScores);
        var n = _scores.Count;
        if (n == 0)
        {
            throw new ArgumentException("no finite calibration score", nameof(calibrationScores));
        }

        var tail = Math.Clamp(Math.Max(5, n / 20), 1, Math.Max(1, n - 1));
        var values = _scores.Values;
        _threshold = values[Math.Max(0, n - tail - 1)];
        double excess = 0;
        foreach (var value in values[^tail..])
        {
            excess += (value - _threshold) / tail;
        }

        _meanExcess = Math.Max(excess, 1e-12 * Math.Max(1, Math.Abs(_threshold)));
        _atThreshold = -Math.Log((tail + 1.0) / (n + 1));
    }

    /// <summary>−ln p, at least 0.</summary>
    public double Of(double score) => score <= _threshold
        ? -Math.Log((1.0 + _scores.Count - _scores.CountBelow(score)) / (_scores.Count + 1))
        : _atThreshold + ((score - _threshold) / _meanExcess);
}
