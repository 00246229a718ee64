namespace Monitoring.Statistics;

/// <summary>
/// The Page-Hinkley test with forgetting: S⁺ ← αS⁺ + x − x̄ − δ and S⁻ ← αS⁻ + x − x̄ + δ; alarm when S⁺ − min S⁺ or
/// max S⁻ − S⁻ exceeds the threshold. Its scale is that of the data, and it has no false-alarm guarantee.
/// </summary>
public sealed class PageHinkley(int minInstances = 30, double delta = 0.005, double threshold = 50, double alpha = 0.9999, ChangeDirection direction = ChangeDirection.Both)
{
    private long _count;
    private double _mean;
    private double _increase;
    private double _decrease;
    private double _lowest = double.PositiveInfinity;
    private double _highest = double.NegativeInfinity;
    private bool _changed;

    /// <summary>Takes the next finite value; true on an alarm. The update after an alarm starts afresh.</summary>
    public bool Update(double value)
    {
        if (_changed)
        {
            (_count, _mean, _increase, _decrease) = (0, 0, 0, 0);
            (_lowest, _highest) = (double.PositiveInfinity, double.NegativeInfinity);
        }

        _count++;
        _mean += (value - _mean) / _count;
        var deviation = value - _mean;
        _increase = (alpha * _increase) + deviation - delta;
        _decrease = (alpha * _decrease) + deviation + delta;
        _lowest = Math.Min(_lowest, _increase);
        _highest = Math.Max(_highest, _decrease);
        _changed = _count >= minInstances
            && ((direction != ChangeDirection.Down && _increase - _lowest > threshold) || (direction != ChangeDirection.Up && _highest - _decrease > threshold));
        return _changed;
    }
}
