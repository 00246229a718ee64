using Monitoring.Contracts;

namespace Monitoring.Storage;

/// <summary>
/// What people see and act on: all findings that belong together (one model, one client or cohort, one family, one time).
/// All times are nanoseconds since 1970-01-01T00:00:00Z; <c>Since</c>, <c>Opened</c> and <c>LastFinding</c> are log time.
/// </summary>
public sealed class Incident
{
    /// <summary>Function of the open key and the finding that opened it, so that two runs over one log agree: <c>inc-</c> and 16 hexadecimal digits.</summary>
    public required string Id { get; set; }

    /// <summary>Unique among open incidents; null once the incident is closed. Two writers cannot open the same incident twice.</summary>
    public string? OpenKey { get; set; }

    /// <summary>The key it was opened under; stays.</summary>
    public required string CorrelationKey { get; set; }

    public required IncidentState State { get; set; }

    public required Severity Severity { get; set; }

    /// <summary>Family of the finding that opened it.</summary>
    public required Family Family { get; set; }

    /// <summary>Model; empty for an incident over many models.</summary>
    public required string Model { get; set; }

    public required string ModelVersion { get; set; }

    /// <summary>Sealed id of the client blamed; empty where the incident is about the model's traffic or about several clients.</summary>
    public required string Client { get; set; }

    /// <summary>One sentence that a tired person understands.</summary>
    public required string Sentence { get; set; }

    public string AtlasTechnique { get; set; } = "";

    public string Assignee { get; set; } = "";

    public long SinceUnixNano { get; set; }

    public long OpenedUnixNano { get; set; }

    public long LastFindingUnixNano { get; set; }

    /// <summary>Wall time of closing; null while open.</summary>
    public long? ClosedUnixNano { get; set; }

    public long FindingCount { get; set; }

    /// <summary>Events that the findings stand for: the largest figure any of them named.</summary>
    public long EventCount { get; set; }

    /// <summary>Lowest coverage of any finding, 0 to 1.</summary>
    public double Coverage { get; set; } = 1;

    /// <summary>Clients, variables, samples and measures gathered from the findings: see <see cref="IncidentDetails"/>.</summary>
    public IncidentDetails Details { get; set; } = new();

    /// <summary>The storm this incident is a member of.</summary>
    public string? ParentId { get; set; }

    /// <summary>True for an incident whose members are the same family opening on many models at once.</summary>
    public bool IsStorm { get; set; }

    /// <summary>Of a storm: how many models are members.</summary>
    public int MemberModels { get; set; }

    /// <summary>The open attack that explains this incident; it sends no messages of its own meanwhile.</summary>
    public string? InhibitedById { get; set; }

    /// <summary>Why nobody was told, for example <c>stale</c>, <c>expected client</c>, <c>silence 7</c>; empty when somebody was.</summary>
    public string Suppression { get; set; } = "";

    /// <summary>Retention stops for what this incident pinned.</summary>
    public bool Held { get; set; }

    /// <summary>Number of transitions so far; orders messages about one incident.</summary>
    public int TransitionCount { get; set; }

    /// <summary>The digest that listed it; null before.</summary>
    public long? DigestedUnixNano { get; set; }

    /// <summary>Grows with every write: a write on an older copy fails and is tried again on a fresh one.</summary>
    public int Version { get; set; }
}

/// <summary>States of an incident.</summary>
public enum IncidentState
{
    Open,
    Acknowledged,
    Resolved,
    FalseAlarm,
}
