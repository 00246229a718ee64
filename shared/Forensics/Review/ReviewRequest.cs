using Monitoring.Detection;

namespace Monitoring.Forensics;

/// <summary>What a review queue is made of.</summary>
public sealed record ReviewRequest
{
    public required string Model { get; init; }

    /// <summary>Says what classes are called; null where that is unknown.</summary>
    public ModelSchema? Schema { get; init; }

    /// <summary>Log time from (inclusive) and to (exclusive), nanoseconds since the epoch.</summary>
    public long From { get; init; }

    public long To { get; init; } = long.MaxValue;

    /// <summary>Rows to choose, at least 4.</summary>
    public int Count { get; init; } = 40;

    /// <summary>Of the random sample.</summary>
    public int Seed { get; init; }

    /// <summary>Most records of the log that are looked at, over all partitions: the newest of the range.</summary>
    public int MaxEvents { get; init; } = 50_000;
}
