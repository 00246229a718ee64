namespace Monitoring.Incidents;

/// <summary>A step in an incident's life.</summary>
/// <param name="Name">opened, escalated, grown-N, acknowledged, resolved, falseAlarm; each happens to an incident at most once.</param>
/// <param name="Actor">A person's or key's name, or <c>monitoring</c>.</param>
/// <param name="Text">For people.</param>
/// <param name="TimeUnixNano">Log time where a finding caused it, else wall time.</param>
/// <param name="NowUnixNano">Wall time.</param>
public sealed record TransitionFacts(string Name, string Actor, string Text, long TimeUnixNano, long NowUnixNano)
{
    public const string Monitoring = "monitoring";

    public string FindingId { get; init; } = "";

    /// <summary>Append time of the finding behind it; 0 when there is none.</summary>
    public long FindingUnixNano { get; init; }

    /// <summary>Members of a storm.</summary>
    public IReadOnlyList<string> Lines { get; init; } = [];
}
