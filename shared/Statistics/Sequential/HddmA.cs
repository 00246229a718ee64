namespace Monitoring.Statistics;

/// <summary>
/// HDDM_A (Frías-Blanco et al. 2015): the mean of all values against the mean of the prefix that minimises mean + ε,
/// ε = √(ln(1/δ)/(2n)), by Hoeffding's bound; for values in [0, 1].
/// </summary>
public sealed class HddmA(double driftConfidence = 0.001, bool twoSided = false)
{
    private readonly double _logPrefix = Math.Log(1 / driftConfidence) / 2;
    private readonly double _logDrift = Math.Log(2 / driftConfidence) / 2;
    private double _count;
    private double _total;
    private double _lowCount;
    private double _lowTotal;
    private double _lowBound;
    private double _highCount;
    private double _highTotal;
    private double _highBound;

    /// <summary>Takes the next value in [0, 1]; true on an alarm, after which it starts afresh.</summary>
    public bool Update(double value)
    {
        _count++;
        _total += value;
        var mean = _total / _count;
        var margin = Math.Sqrt(_logPrefix / _count);
        if (_lowCount == 0 || _lowBound >= mean + margin)
        {
            (_lowCount, _lowTotal, _lowBound) = (_count, _total, mean + margin);
        }

        if (_highCount == 0 || _highBound <= mean - margin)
        {
            (_highCount, _highTotal, _highBound) = (_count, _total, mean - margin);
        }

        var changed = Exceeds(mean - (_lowTotal / _lowCount), _lowCount)
            || (twoSided && Exceeds((_highTotal / _highCount) - mean, _highCount));
        if (changed)
        {
            (_count, _total, _lowCount, _highCount) = (0, 0, 0, 0);
        }

        return changed;
    }

    private bool Exceeds(double difference, double prefix) =>
        prefix < _count && difference >= Math.Sqrt((_count - prefix) / (prefix * _count) * _logDrift);
}
