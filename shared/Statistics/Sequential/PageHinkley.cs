namespace Monitoring.Statistics;

/// <summary>
/// The Page-Hinkley test with forgetting: S⁺ ← αS⁺ + x − x̄ − δ and S⁻ ← αS⁻ + x − x̄ + δ; alarm when S⁺ − min S⁺ or
/// max S⁻ − S⁻ exceeds the threshold. Its scale is that of the data, and it has no false-alarm guarantee.
/// </summary>
public sealed class PageHinkley(int minInstances = 30, double delta = 0.005, double threshold = 50, double alpha = 0.9999, ChangeDirection direction = ChangeDirection.Both) : ISequentialDetector
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

    /// <summary>Takes the mean of what is usual; the sums start at 0.</summary>
    public void Prime(ReadOnlySpan<double> values)
    {
        (_count, _mean, _increase, _decrease) = (0, 0, 0, 0);
        (_lowest, _highest, _changed) = (double.PositiveInfinity, double.NegativeInfinity, false);
        foreach (var value in values)
        {
            _count++;
            _mean += (value - _mean) / _count;
        }
    }

    public void Save(CanonicalWriter writer)
    {
        writer.WriteCount(_count);
        writer.WriteByte(_changed ? (byte)1 : (byte)0);
        writer.WriteDoubles([_mean, _increase, _decrease, _lowest, _highest]);
    }

    public void Restore(ref CanonicalReader reader)
    {
        _count = reader.ReadCount();
        _changed = reader.ReadByte() == 1;
        var state = reader.ReadDoubles();
        if (state.Length != 5)
        {
            throw new InvalidDataException("a Page-Hinkley state of another shape");
        }

        (_mean, _increase, _decrease, _lowest, _highest) = (state[0], state[1], state[2], state[3], state[4]);
    }
}
