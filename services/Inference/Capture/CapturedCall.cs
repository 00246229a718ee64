using Monitoring.Contracts;
using Monitoring.Scoring;

namespace Monitoring.Inference;

/// <summary>What is known of one call when it is captured.</summary>
internal sealed class CapturedCall
{
    public required string Id { get; init; }

    /// <summary>Arrival, nanoseconds since the epoch.</summary>
    public required long TimeUnixNano { get; init; }

    public required string ModelVersion { get; set; }

    public required Client Client { get; init; }

    public string RequestId { get; set; } = "";

    public string TraceParent { get; set; } = "";

    public IReadOnlyList<ScoringTensor> Inputs { get; set; } = [];

    public IReadOnlyList<ScoringTensor> Outputs { get; set; } = [];

    public int Status { get; set; }

    public string Error { get; set; } = "";

    public long LatencyNano { get; set; }

    public IReadOnlyList<Contracts.Attribute> Attributes { get; set; } = [];

    /// <summary>Decisions about the client that touched the call, or would have; null for none.</summary>
    public string? Control { get; init; }

    /// <summary>A departure from the schema that made the call fail, where there was one.</summary>
    public SchemaViolation? Refusal { get; set; }
}
