namespace Monitoring.Statistics;

/// <summary>A detector of change in a stream of numbers, which may know beforehand what is usual.</summary>
public interface ISequentialDetector
{
    /// <summary>Takes the next finite value; true on an alarm.</summary>
    bool Update(double value);

    /// <summary>Learns what is usual, in a new detector, without alarms.</summary>
    void Prime(ReadOnlySpan<double> values);

    void Save(CanonicalWriter writer);

    /// <exception cref="InvalidDataException">The bytes are no state of this detector.</exception>
    void Restore(ref CanonicalReader reader);
}
