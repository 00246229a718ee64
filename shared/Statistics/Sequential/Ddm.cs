namespace Monitoring.Statistics;

/// <summary>
/// The drift detection method (Gama et al. 2004) on a stream of errors (1 = wrong): alarm when p + s exceeds its lowest
/// p_min + <paramref name="driftThreshold"/>·s_min, s = √(p(1 − p)/t). No false-alarm guarantee.
/// </summary>
public sealed class Ddm(int warmStart = 30, double warningThreshold = 2, double driftThreshold = 3)
{
    private long _count;
    private double _rate;
    private double _lowest = double.PositiveInfinity;
    private double _rateAtLowest;
    private double _deviationAtLowest;
    private bool _changed;

    /// <summary>Whether the last update lies between the warning and the drift level.</summary>
    public bool Warning { get; private set; }

    /// <summary>Takes the next error, 0 or 1; true on an alarm. The update after an alarm starts afresh.</summary>
    public bool Update(double error)
    {
        if (_changed)
        {
            (_count, _rate, _lowest) = (0, 0, double.PositiveInfinity);
        }

        _count++;
        _rate += (error - _rate) / _count;
        (_changed, Warning) = (false, false);
        if (_count > warmStart)
        {
            var deviation = Math.Sqrt(_rate * (1 - _rate) / _count);
            var level = _rate + deviation;
            if (level <= _lowest)
            {
                (_lowest, _rateAtLowest, _deviationAtLowest) = (level, _rate, deviation);
            }

            _changed = level > _rateAtLowest + (driftThreshold * _deviationAtLowest);
            Warning = !_changed && level > _rateAtLowest + (warningThreshold * _deviationAtLowest);
        }

        return _changed;
    }
}
