using Monitoring.Statistics;

namespace Monitoring.Drift;

/// <summary>One column with its detector: values in standard deviations of the reference, looked at every <see cref="Stride"/> values.</summary>
internal sealed class WatchedStream(string name, int position, double mean, double deviation, ReadOnlyMemory<byte> primed, double[] hazard, ISequentialDetector detector)
{
    /// <summary>Values a look: ADWIN's clock.</summary>
    public const int Stride = 32;

    // A wild value is as wild as this many deviations, or the sums of a detector would never forget it.
    private const double Clip = 20;
    private readonly CrossingBet _bet = new();
    private int _seen;
    private long _age;
    private bool _crossed;

    public string Name => name;

    public int Position => position;

    public long Crossings { get; private set; }

    /// <summary>The last value that crossed, in the column's own unit; NaN where none did.</summary>
    public double LastCrossing { get; private set; } = double.NaN;

    public static double Standardise(double value, double mean, double deviation) => Math.Clamp((value - mean) / deviation, -Clip, Clip);

    /// <summary>Takes a value that is not NaN; ln r at a look, else NaN.</summary>
    public double Draw(double value)
    {
        // After a crossing the rest of the look is passed over, so that every look of a young detector is whole.
        if (!_crossed && detector.Update(Standardise(value, mean, deviation)))
        {
            _crossed = true;
            Crossings++;
            LastCrossing = value;
        }

        if (++_seen < Stride)
        {
            return double.NaN;
        }

        var increment = _bet.Look(_crossed, hazard[CrossingHazard.ClassOf(_age)]);
        _age++;
        if (_crossed)
        {
            CrossingHazard.Restart(detector, primed.Span);
            _age = 0;
        }

        _seen = 0;
        _crossed = false;
        return increment;
    }

    public void Save(CanonicalWriter writer)
    {
        writer.WriteCount(_seen);
        writer.WriteCount(_age);
        writer.WriteCount(Crossings);
        writer.WriteByte(_crossed ? (byte)1 : (byte)0);
        writer.WriteDouble(LastCrossing);
        _bet.Save(writer);
        detector.Save(writer);
    }

    public void Restore(ref CanonicalReader reader)
    {
        _seen = checked((int)reader.ReadCount());
        _age = reader.ReadCount();
        Crossings = reader.ReadCount();
        _crossed = reader.ReadByte() == 1;
        LastCrossing = reader.ReadDouble();
        _bet.Restore(ref reader);
        detector.Restore(ref reader);
    }
}
