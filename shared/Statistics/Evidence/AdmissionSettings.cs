namespace Monitoring.Statistics;

/// <summary>How draws are admitted from dependent traffic (RUNTIME 5, "Dependence"); fitted by <see cref="DependenceFit"/>.</summary>
public sealed record AdmissionSettings
{
    /// <summary>An event that comes this long after its client's last one begins a new burst. Milliseconds of log time; 0 turns bursts off: every event that is no repeat is a draw.</summary>
    public long SessionGapMs { get; init; }

    /// <summary>A client that never pauses gives one draw in this time. Milliseconds; 0: none before it pauses.</summary>
    public long AutocorrelationMs { get; init; }

    /// <summary>Distinct payloads remembered per client for the rule "an exact repeat by the same client counts once".</summary>
    public int RememberedPayloads { get; init; } = 32;

    /// <summary>Clients remembered; beyond, the one silent for longest is forgotten.</summary>
    public int MaxClients { get; init; } = 100_000;

    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfNegative(SessionGapMs);
        ArgumentOutOfRangeException.ThrowIfNegative(AutocorrelationMs);
        ArgumentOutOfRangeException.ThrowIfNegative(RememberedPayloads);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxClients, 1);
    }
}
