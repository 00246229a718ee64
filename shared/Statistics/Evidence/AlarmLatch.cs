namespace Monitoring.Statistics;

/// <summary>
/// One alarm per change (RUNTIME 3): alarm when the evidence reaches the level, then silent until the peak (the CUSUM form of
/// the evidence) stayed below half the level's logarithm, √level, for a whole window of draws, or a person resolves it. The
/// peak and not the SR value, because SR of a calm stream grows with time and passes √level within the window
/// (docs/adr/0030). Levels are in units of the mean time between draws, so that "half the log level" means the same at
/// every rate of traffic.
/// </summary>
public sealed class AlarmLatch
{
    private readonly double _rearmLevel;
    private readonly int _window;
    private long _calm;

    /// <param name="level">period/b in units of the mean time between draws, &gt; 1.</param>
    /// <param name="window">Draws of calm that re-arm: <see cref="EvidenceOptions.Window"/>.</param>
    public AlarmLatch(double level, int window)
    {
        if (!(level > 1))
        {
            throw new ArgumentOutOfRangeException(nameof(level), level, "a level of at most one draw between alarms");
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(window, 1);
        Level = level;
        _rearmLevel = Math.Sqrt(level);
        _window = window;
    }

    /// <summary>The level; evidence at or above it is an alarm.</summary>
    public double Level { get; }

    /// <summary>Whether the next crossing is an alarm.</summary>
    public bool IsArmed { get; private set; } = true;

    /// <summary>Draws still to stay calm until it re-arms; 0 when armed.</summary>
    public long CalmDrawsMissing => IsArmed ? 0 : _window - _calm;

    /// <summary>Looks at the evidence after a draw.</summary>
    /// <param name="evidence">The SR value.</param>
    /// <param name="peak">The CUSUM value (<see cref="EvidenceBank.Peak"/>).</param>
    /// <returns>What happened. The caller restarts its SR values on <see cref="LatchEvent.Alarm"/> and <see cref="LatchEvent.StillAlarmed"/>.</returns>
    public LatchEvent Observe(double evidence, double peak)
    {
        if (IsArmed)
        {
            if (evidence < Level)
            {
                return LatchEvent.None;
            }

            IsArmed = false;
            _calm = 0;
            return LatchEvent.Alarm;
        }

        if (evidence >= Level)
        {
            _calm = 0;
            return LatchEvent.StillAlarmed;
        }

        _calm = peak < _rearmLevel ? _calm + 1 : 0;
        if (_calm < _window)
        {
            return LatchEvent.None;
        }

        Resolve();
        return LatchEvent.Rearmed;
    }

    /// <summary>Re-arms at once: a person resolved the alarm.</summary>
    public void Resolve()
    {
        IsArmed = true;
        _calm = 0;
    }

    /// <summary>Writes the state, not level and window.</summary>
    public void Save(CanonicalWriter writer)
    {
        writer.WriteByte(IsArmed ? (byte)1 : (byte)0);
        writer.WriteCount(_calm);
    }

    /// <summary>Reads what <see cref="Save"/> wrote.</summary>
    public void Restore(ref CanonicalReader reader)
    {
        IsArmed = reader.ReadByte() == 1;
        _calm = reader.ReadCount();
    }
}
