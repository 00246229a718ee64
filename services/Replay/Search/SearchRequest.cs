namespace Monitoring.Replay.Search;

/// <summary>What is looked for in <c>inference.events</c>.</summary>
internal sealed record SearchRequest
{
    /// <summary>Log time from (inclusive) and to (exclusive), nanoseconds since the epoch. A narrow range in a large log costs what it holds.</summary>
    public long From { get; init; }

    public long To { get; init; } = long.MaxValue;

    /// <summary>Condition on a row; null takes all.</summary>
    public EventPredicate? Where { get; init; }

    /// <summary>Only events with these ids; null takes all.</summary>
    public IReadOnlySet<string>? Ids { get; init; }

    /// <summary>Look for rows near this one instead of for all rows; nearest first.</summary>
    public float[]? SimilarTo { get; init; }

    /// <summary>Divisor per column before distances are taken; null for none.</summary>
    public float[]? Scale { get; init; }

    /// <summary>Most hits: the earliest, or the nearest.</summary>
    public int Limit { get; init; } = 1000;

    /// <summary>Told after every few thousand events.</summary>
    public IProgress<SearchProgress>? Progress { get; init; }
}

/// <summary>How far a search is.</summary>
/// <param name="Scanned">Events looked at.</param>
/// <param name="Total">Offsets in the range, an upper bound of the events.</param>
internal readonly record struct SearchProgress(long Scanned, long Total);
