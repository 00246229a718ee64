using System.Text.Json;
using Monitoring.Storage;

namespace Monitoring.Incidents;

/// <summary>What is to be said about an incident (or a digest), before any receiver's format. Kept in the outbox as JSON.</summary>
public sealed record IncidentMessage
{
    public required string Incident { get; init; }

    public required int Sequence { get; init; }

    /// <summary>opened, escalated, grown, acknowledged, resolved, falseAlarm, digest, test.</summary>
    public required string Transition { get; init; }

    public required string State { get; init; }

    /// <summary>harm, change, record.</summary>
    public required string Severity { get; init; }

    /// <summary>drift, outlier, adversarial, extraction, leakage, quality, pipeline.</summary>
    public required string Family { get; init; }

    public string Model { get; init; } = "";

    public string ModelVersion { get; init; } = "";

    public string Client { get; init; } = "";

    public required string Sentence { get; init; }

    /// <summary>What happened in this transition, for example who acknowledged.</summary>
    public string Text { get; init; } = "";

    public required long TimeUnixNano { get; init; }

    public long SinceUnixNano { get; init; }

    public long OpenedUnixNano { get; init; }

    public long LastFindingUnixNano { get; init; }

    public long Findings { get; init; }

    public long Events { get; init; }

    public double Coverage { get; init; } = 1;

    public string AtlasTechnique { get; init; } = "";

    public string FirstStep { get; init; } = "";

    public string? Url { get; init; }

    public IReadOnlyList<string> Clients { get; init; } = [];

    public IReadOnlyList<VariableShare> Variables { get; init; } = [];

    public IReadOnlyList<string> Samples { get; init; } = [];

    public IReadOnlyList<string> Monitors { get; init; } = [];

    public IReadOnlyDictionary<string, double> Measures { get; init; } = new Dictionary<string, double>();

    /// <summary>Models that are members, for a storm; lines, for a digest.</summary>
    public IReadOnlyList<string> Lines { get; init; } = [];

    /// <summary>Lines left out of <see cref="Lines"/>.</summary>
    public int MoreLines { get; init; }

    /// <summary>Newest signed Merkle root of the calls' partition when the message was made; null while nothing is sealed.</summary>
    public SealedRoot? SealedRoot { get; init; }

    /// <summary>The incident is over: resolved or a false alarm.</summary>
    public bool IsOver => State is "resolved" or "falseAlarm";

    public string ToJson() => JsonSerializer.Serialize(this, JsonSerializerOptions.Web);

    public static IncidentMessage FromJson(string json) =>
        JsonSerializer.Deserialize<IncidentMessage>(json, JsonSerializerOptions.Web)
        ?? throw new InvalidDataException("an outbox row holds no message");
}
