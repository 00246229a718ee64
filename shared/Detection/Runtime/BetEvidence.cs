using Monitoring.Statistics;

namespace Monitoring.Detection;

/// <summary>
/// Evidence from e-increments that a monitor computes itself: one Shiryaev–Roberts value per bet in log time, SR ← r·(SR·H/(H + Δt) + Δt) with the horizon
/// H = level/2 of <see cref="EvidenceOptions.Horizon"/>, averaged, with the alarm latch of <see cref="GroupedEvidence"/>.
/// </summary>
internal sealed class BetEvidence
{
    private const double Saturation = 8.452712498170644e270;
    private readonly double[] _sr;
    private readonly double[] _cusum;
    private readonly long[] _since;
    private readonly AlarmLatch _latch;

    public BetEvidence(int bets, double level, int window)
    {
        _sr = new double[bets];
        _cusum = new double[bets];
        _since = new long[bets];
        Array.Fill(_since, -1);
        _latch = new AlarmLatch(level, window);
    }

    public double Level => _latch.Level;

    public bool IsArmed => _latch.IsArmed;

    /// <summary>The mean of the SR values after the last draw; on an alarm the value that caused it, until the next draw.</summary>
    public double Value { get; private set; }

    public long Since { get; private set; } = -1;

    /// <param name="logIncrements">ln r per bet; NaN where nothing was bet.</param>
    /// <param name="elapsed">Log time since the last draw.</param>
    /// <param name="position">Position for <see cref="Since"/>.</param>
    /// <param name="contributions">Filled with shares of the evidence when the level is reached, before the restart.</param>
    public LatchEvent Update(ReadOnlySpan<double> logIncrements, double elapsed, long position, Span<double> contributions)
    {
        var horizon = _latch.Level / 2;
        var sum = 0.0;
        var best = -1.0;
        for (var i = 0; i < _sr.Length; i++)
        {
            var r = double.IsNaN(logIncrements[i]) ? 1 : Math.Exp(logIncrements[i]);
            _sr[i] = Math.Min(r * ((_sr[i] * (horizon / (horizon + elapsed))) + elapsed), Saturation);
            if (_since[i] < 0 || elapsed > _cusum[i])
            {
                _since[i] = position;
                _cusum[i] = Math.Min(r * elapsed, Saturation);
            }
            else
            {
                _cusum[i] = Math.Min(r * _cusum[i], Saturation);
            }

            sum += _sr[i];
            if (_sr[i] > best)
            {
                best = _sr[i];
                Since = _since[i];
            }
        }

        Value = sum / _sr.Length;
        for (var i = 0; i < _sr.Length && Value >= _latch.Level; i++)
        {
            contributions[i] = _sr[i] / sum;
        }

        var seen = _latch.Observe(Value, _latch.IsArmed ? 0 : _cusum.Average());
        if (seen is LatchEvent.Alarm or LatchEvent.StillAlarmed)
        {
            Restart();
        }

        return seen;
    }

    /// <summary>A person resolved the alarm: armed at once, evidence from 0.</summary>
    public void Resolve()
    {
        _latch.Resolve();
        Restart();
        Value = 0;
    }

    public void Save(CanonicalWriter writer)
    {
        writer.WriteDouble(Value);
        writer.WriteSigned(Since);
        _latch.Save(writer);
        writer.WriteCount(_sr.Length);
        for (var i = 0; i < _sr.Length; i++)
        {
            writer.WriteDouble(_sr[i]);
            writer.WriteDouble(_cusum[i]);
            writer.WriteSigned(_since[i]);
        }
    }

    public void Restore(ref CanonicalReader reader)
    {
        Value = reader.ReadDouble();
        Since = reader.ReadSigned();
        _latch.Restore(ref reader);
        if (reader.ReadCount() != _sr.Length)
        {
            throw new InvalidDataException("evidence state of another number of bets");
        }

        for (var i = 0; i < _sr.Length; i++)
        {
            _sr[i] = reader.ReadDouble();
            _cusum[i] = reader.ReadDouble();
            _since[i] = reader.ReadSigned();
        }
    }

    private void Restart()
    {
        Array.Clear(_sr);
        Array.Clear(_cusum);
        Array.Fill(_since, -1);
    }
}
