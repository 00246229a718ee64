using Monitoring.Contracts;

namespace Monitoring.Replay.Replaying;

/// <summary>The outcome of an isolated run.</summary>
/// <param name="Findings">All findings in the order of groups, partitions and offsets.</param>
/// <param name="Events">Events given to monitors, counted once per group.</param>
/// <param name="Seconds">Wall time.</param>
/// <param name="Sha256">Of all findings' canonical bytes, each after its length: two runs that agree have the same.</param>
internal sealed record ReplayResult(IReadOnlyList<Finding> Findings, long Events, double Seconds, string Sha256)
{
    /// <summary>Time that the range took when it was recorded; zero where that is not known.</summary>
    public TimeSpan Recorded { get; init; }

    /// <summary>How many times faster than it was recorded; NaN where that is not known.</summary>
    public double TimesRecorded => Recorded > TimeSpan.Zero && Seconds > 0 ? Recorded.TotalSeconds / Seconds : double.NaN;

    public double EventsPerSecond => Seconds > 0 ? Events / Seconds : 0;

    /// <summary>
    /// Incidents that would have been told at once: findings of harm about the same model, client and family are one incident, as
    /// Alerting correlates them while it stays open.
    /// </summary>
    public int Pages => Findings.Where(f => f.Severity == Severity.Harm).Select(f => (f.Model, f.Family, f.Client)).Distinct().Count();

    public int Tickets => Findings.Where(f => f.Severity == Severity.Change).Select(f => (f.Model, f.Family, f.Client)).Distinct().Count();
}
