namespace Monitoring.Replay.Evidence;

/// <summary>How the log is sealed.</summary>
internal sealed record EvidenceOptions
{
    /// <summary>Most records of a segment, 1 to 65,536.</summary>
    public int SegmentRecords { get; init; } = 4096;

    /// <summary>Log time after which a segment is sealed though it is not full.</summary>
    public TimeSpan SegmentAge { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>PKCS#8 PEM file of the signing key; created when it is missing.</summary>
    public required string KeyFile { get; init; }

    /// <summary>Topics that are sealed. Not the controls: compaction removes their records one by one, and a segment with holes proves nothing; the audit table keeps them.</summary>
    public IReadOnlyList<string> Topics { get; init; } =
    [
        Contracts.Topics.InferenceEvents,
        Contracts.Topics.Findings,
        Contracts.Topics.Explanations,
        Contracts.Topics.Feedback,
        Contracts.Topics.Changes,
        Contracts.Topics.Notifications,
    ];
}
