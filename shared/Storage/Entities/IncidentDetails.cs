namespace Monitoring.Storage;

/// <summary>What an incident gathers from its findings for people; bounded, kept as one JSON column.</summary>
public sealed record IncidentDetails
{
    /// <summary>Sealed client ids in order of appearance, at most 100.</summary>
    public IReadOnlyList<string> Clients { get; init; } = [];

    /// <summary>Strongest variables of the newest finding that names any, at most 10.</summary>
    public IReadOnlyList<VariableShare> Variables { get; init; } = [];

    /// <summary>The one or two columns that carry the change, of the newest finding of drift that tells them; null where none does.</summary>
    public ChangeSlice? Slice { get; init; }

    /// <summary>How far columns moved and what that does to the model's answers, the greatest impact first, at most 10.</summary>
    public IReadOnlyList<ColumnMove> Columns { get; init; } = [];

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

/// <summary>Where a change is.</summary>
/// <param name="Columns">The one or two columns that carry it.</param>
/// <param name="Carried">Their part of what tells rows of now from the reference, 0 to 1.</param>
/// <param name="Auroc">How well they tell the two apart; 0.5 is chance.</param>
/// <param name="Cells">Values whose share of the rows moved most, at most 3.</param>
public sealed record ChangeSlice(IReadOnlyList<string> Columns, double Carried, double Auroc, IReadOnlyList<ChangeCell> Cells);

/// <summary>Values of the columns that carry a change: <c>hour &gt; 18</c>, with their shares of the rows, 0 to 1.</summary>
public sealed record ChangeCell(string Text, double Reference, double Observed);

/// <summary>How far a column moved.</summary>
/// <param name="Column">Its name in the schema.</param>
/// <param name="Change">Total variation distance of its cells' shares, 0 to 1.</param>
/// <param name="Impact">Mean change of the model's answer when this column alone moves so: total variation of probabilities, or standard deviations of the predicted number; null where the model could not be asked.</param>
public sealed record ColumnMove(string Column, double Change, double? Impact);

/// <summary>A transition. <paramref name="Actor"/> is a person's or key's name, or <c>monitoring</c>.</summary>
public sealed record TimelineEntry(long TimeUnixNano, string Transition, string Actor, string Text);
