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

    public required ReplayOutcome Replay { get; init; }

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
/// <param name="FalseAlarms">Findings at or before the last clean call.</param>
/// <param name="DetectionDelayEvents">Calls of the model from the change to the first alarm after it; null when there was none.</param>
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
