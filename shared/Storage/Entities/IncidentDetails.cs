namespace Monitoring.Storage;

/// <summary>What an incident gathers from its findings for people; bounded, kept as one JSON column.</summary>
public sealed record IncidentDetails
{
    /// <summary>Sealed client ids in order of appearance, at most 100.</summary>
    public IReadOnlyList<string> Clients { get; init; } = [];

    /// <summary>Strongest variables of the newest finding that names any, at most 10.</summary>
    public IReadOnlyList<VariableShare> Variables { get; init; } = [];

    /// <summary>Ids of contributing events, at most 32.</summary>
    public IReadOnlyList<string> SampleEventIds { get; init; } = [];

    /// <summary>Monitors that took part, with their kinds, sorted.</summary>
    public IReadOnlyList<string> Monitors { get; init; } = [];

    /// <summary>Newest value of every kind-specific number, sorted by name.</summary>
    public IReadOnlyDictionary<string, double> Measures { get; init; } = new SortedDictionary<string, double>(StringComparer.Ordinal);

    /// <summary>Partition of <c>inference.events</c> that the newest finding is about: whose sealed root a message names; null where it is about none.</summary>
    public int? InputPartition { get; init; }

    /// <summary>Transitions, oldest first.</summary>
    public IReadOnlyList<TimelineEntry> Timeline { get; init; } = [];
}

/// <summary>A variable's part in an incident.</summary>
public sealed record VariableShare(string Name, double LogEvidence, string Measure, double Reference, double Observed, double Size);

/// <summary>A transition. <paramref name="Actor"/> is a person's or key's name, or <c>monitoring</c>.</summary>
public sealed record TimelineEntry(long TimeUnixNano, string Transition, string Actor, string Text);
