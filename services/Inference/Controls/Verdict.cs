namespace Monitoring.Inference;

/// <summary>What is to be done with a call. The default lets it pass untouched.</summary>
internal readonly record struct Verdict
{
    /// <summary>0: answer it; 403 or 429: refuse it with this status.</summary>
    public int Status { get; init; }

    /// <summary>With 429: whole seconds after which a call may pass again, at least 1.</summary>
    public int RetryAfter { get; init; }

    /// <summary>Decimals of the outputs for the caller, 0 for the top class only; null leaves them as they are.</summary>
    public int? Decimals { get; init; }

    /// <summary>Version (or <c>fallback</c>) that answers instead; null for the one asked for.</summary>
    public string? Target { get; init; }

    /// <summary>For the event, never for the caller: the decisions that touched the call, or would have; null for none.</summary>
    public string? Mark { get; init; }

    public bool IsRefused => Status != 0;

    /// <summary>What the caller reads: the same whatever a monitor thinks of it.</summary>
    public string Message => Status == 429 ? "too many requests" : "this client may not call this model";
}
