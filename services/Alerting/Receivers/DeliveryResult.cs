namespace Monitoring.Alerting.Receivers;

/// <summary>What a receiver answered.</summary>
/// <param name="Outcome">Outcome.</param>
/// <param name="Detail">For people; never a secret.</param>
/// <param name="RetryAfter">The receiver's own wish.</param>
internal sealed record DeliveryResult(DeliveryOutcome Outcome, string Detail, TimeSpan? RetryAfter = null)
{
    public static DeliveryResult Delivered { get; } = new(DeliveryOutcome.Delivered, "");
}

/// <summary>Outcomes of a call.</summary>
internal enum DeliveryOutcome
{
    Delivered,

    /// <summary>Worth trying again.</summary>
    Retry,

    /// <summary>The receiver will never take this message.</summary>
    Rejected,

    /// <summary>The receiver wants no more messages at all (410).</summary>
    Gone,
}
