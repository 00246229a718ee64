using Monitoring.Replay.Evidence;

namespace Monitoring.AllInOne.Demo;

/// <summary><c>demo.json</c>.</summary>
internal sealed record DemoReport
{
    public required int Seed { get; init; }

    public required EventCounts Events { get; init; }

    public required IReadOnlyList<MonitorResult> Monitors { get; init; }

    public required NotificationCounts Notifications { get; init; }

    public required LatencyResult Latency { get; init; }

    public required IReadOnlyList<ChangeResult> Changes { get; init; }

    public required AttackResult Attack { get; init; }

    public required ExplanationResult Explanation { get; init; }

    public required ReplayOutcome Replay { get; init; }

    /// <summary>Bundle of the attack's incident; null where no incident was opened.</summary>
    public required EvidenceCheckResult? Evidence { get; init; }

    /// <summary>What did not hold; empty on success.</summary>
    public required IReadOnlyList<string> Failures { get; init; }
}

/// <summary>Calls answered, events in the log, events every group has processed, and what is missing.</summary>
internal sealed record EventCounts(long Served, long Captured, long Consumed, long Lost);

/// <summary>One monitor of one model.</summary>
/// <param name="Model">Model.</param>
/// <param name="Kind">Kind.</param>
/// <param name="LogEvidence">Natural logarithm of the evidence: of the first alarm, or now where there was none.</param>
/// <param name="Alarms">Findings.</param>
/// <param name="FalseAlarms">Findings at or before the last clean call; of a monitor that looks for attackers, findings about calls that were not the attacker's.</param>
/// <param name="DetectionDelayEvents">Calls of the model from the change to the first alarm after it (for attacks, the attacker's queries up to it); null when there was none.</param>
internal sealed record MonitorResult(string Model, string Kind, double? LogEvidence, int Alarms, int FalseAlarms, long? DetectionDelayEvents);

/// <summary>Messages to the receiver.</summary>
internal sealed record NotificationCounts(int Created, int Delivered, int Failed, int Duplicates);

/// <summary>From the call that crossed the level.</summary>
/// <param name="CallToFindingP99Ms">To its finding being acknowledged by the log, 99th percentile in milliseconds; null without findings.</param>
/// <param name="CallToWebhookP99Ms">To its webhook having arrived.</param>
internal sealed record LatencyResult(double? CallToFindingP99Ms, double? CallToWebhookP99Ms);

/// <summary>What was changed, when, and whether it was found.</summary>
internal sealed record ChangeResult(string Model, string Change, double AtSeconds, bool Found);

/// <summary>The replay of the run, isolated.</summary>
/// <param name="Identical">Its findings have the same canonical bytes.</param>
/// <param name="Live">Findings of the run.</param>
/// <param name="Replayed">Findings of the replay.</param>
/// <param name="EventsPerSecond">Rate of the replay.</param>
internal sealed record ReplayOutcome(bool Identical, int Live, int Replayed, double EventsPerSecond);

/// <summary>The attack on the served digits model by one client.</summary>
/// <param name="Name">Attack.</param>
/// <param name="Model">Attacked model.</param>
/// <param name="Client">Attacker, as it called itself; the log holds it sealed.</param>
/// <param name="Queries">Asked in all.</param>
/// <param name="FirstSuccess">Queries after which it first had an input that deceives the model; null without one.</param>
/// <param name="Found">A monitor reported it.</param>
/// <param name="QueriesToDetect">The attacker's queries up to the one that crossed the level.</param>
/// <param name="Incident">Id of the incident that was opened.</param>
/// <param name="Sentence">The incident in one sentence.</param>
internal sealed record AttackResult(string Name, string Model, string Client, int Queries, int? FirstSuccess, bool Found, long? QueriesToDetect, string? Incident, string? Sentence);

/// <summary>An explained digit.</summary>
/// <param name="Png">File of the heat map; null where no explanation came.</param>
/// <param name="Model">Model.</param>
/// <param name="Method">Method.</param>
/// <param name="Finding">Finding whose sample it is.</param>
/// <param name="Event">The call.</param>
/// <param name="Output">Class that is explained.</param>
/// <param name="Value">The model's output for it.</param>
/// <param name="Explanations">Explanations published during the run.</param>
internal sealed record ExplanationResult(string? Png, string? Model, string? Method, string? Finding, string? Event, string? Output, double? Value, int Explanations);
