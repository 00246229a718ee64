namespace Monitoring.Scoring;

/// <summary>How calls of one model are joined.</summary>
public sealed record BatchingOptions
{
    /// <summary>Most rows of a joined run; a single call with more rows runs alone.</summary>
    public int MaxRows { get; init; } = 64;

    /// <summary>How long the first waiting call waits for others. Zero: never for its own sake; calls join only while runs are busy.</summary>
    public TimeSpan MaxWait { get; init; }

    /// <summary>Most runs of the model at once; 0 is one per processor.</summary>
    public int MaxConcurrency { get; init; }
}
