using Monitoring.Statistics;

namespace Monitoring.Quality;

/// <summary>
/// Evidence that one check fails more often than the reference's bound p: Shiryaev–Roberts, SR ← r·(SR + 1) per draw, with r = q/p on a failure and (1 − q)/(1 − p)
/// otherwise, averaged over three alternatives q between p and 1. Draws that pass are taken in closed form when the next failure comes, so that a check that holds costs nothing.
/// </summary>
internal sealed class CheckEvidence
{
    /// <summary>Value at which it stops growing, far over any level: what it takes to calm down stays bounded.</summary>
    private const double Saturation = 1e30;

    private readonly double[] _hit;
    private readonly double[] _pass;
    private readonly double[] _values;

    /// <param name="rate">p in (0, 1).</param>
    public CheckEvidence(double rate)
    {
        // Persistent, one in √p, one in p^¾: broken for good, a broken shard, a broken corner.
        var certain = (1 + rate) / 2;
        double[] alternatives = [certain, Math.Sqrt(rate * certain), Math.Pow(rate, 0.75) * Math.Pow(certain, 0.25)];
        _hit = [.. alternatives.Select(q => q / rate)];
        _pass = [.. alternatives.Select(q => (1 - q) / (1 - rate))];
        _values = new double[alternatives.Length];
    }

    /// <summary>The draw up to which <see cref="Value"/> stands.</summary>
    public long Draw { get; private set; }

    /// <summary>Failures since <see cref="SinceDraw"/>.</summary>
    public long Failures { get; private set; }

    /// <summary>Draw, offset and log time of the first failure of the present evidence.</summary>
    public long SinceDraw { get; private set; }

    public long SinceOffset { get; private set; }

    public long SinceTime { get; private set; }

    public double Value => (_values[0] + _values[1] + _values[2]) / 3;

    /// <summary>Takes the passes from the last call up to <paramref name="draw"/>.</summary>
    public void PassTo(long draw)
    {
        for (var i = 0; i < _values.Length; i++)
        {
            var b = _pass[i];
            var decay = Math.Pow(b, draw - Draw);
            _values[i] = (_values[i] * decay) + (b * (1 - decay) / (1 - b));
        }

        Draw = draw;
    }

    /// <summary>Takes a failure at <paramref name="draw"/>, with passes since the last one.</summary>
    public void Fail(long draw, long offset, long time)
    {
        PassTo(draw - 1);
        if (Failures == 0 || Value <= Calm)
        {
            (SinceDraw, SinceOffset, SinceTime, Failures) = (draw, offset, time, 0);
        }

        for (var i = 0; i < _values.Length; i++)
        {
            _values[i] = Math.Min(_hit[i] * (_values[i] + 1), Saturation);
        }

        Draw = draw;
        Failures++;
    }

    /// <summary>Where a stream of passes comes to rest; nothing is remembered below twice this.</summary>
    public double Calm => 2 * ((_pass[0] / (1 - _pass[0])) + (_pass[1] / (1 - _pass[1])) + (_pass[2] / (1 - _pass[2]))) / 3;

    public void Save(CanonicalWriter writer)
    {
        writer.WriteDoubles(_values);
        writer.WriteCount(Draw);
        writer.WriteCount(Failures);
        writer.WriteCount(SinceDraw);
        writer.WriteSigned(SinceOffset);
        writer.WriteSigned(SinceTime);
    }

    /// <exception cref="InvalidDataException">Bytes of something else.</exception>
    public void Restore(ref CanonicalReader reader)
    {
        var values = reader.ReadDoubles();
        if (values.Length != _values.Length || !values.All(v => v >= 0 && v <= Saturation))
        {
            throw new InvalidDataException("quality: state of other evidence");
        }

        values.CopyTo(_values, 0);
        Draw = reader.ReadCount();
        Failures = reader.ReadCount();
        SinceDraw = reader.ReadCount();
        SinceOffset = reader.ReadSigned();
        SinceTime = reader.ReadSigned();
    }
}
