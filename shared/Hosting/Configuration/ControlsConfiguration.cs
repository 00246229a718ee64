using System.ComponentModel;
using System.ComponentModel.DataAnnotations;

namespace Monitoring.Hosting.Configuration;

/// <summary>Section <c>controls</c>.</summary>
public sealed record ControlsConfiguration
{
    [Description("Key that signs decisions, at least 16 characters, the same for every process; created in the data folder when absent.")]
    public SecretReference? SigningKey { get; init; }

    [Description("Earlier key, while processes change over: what it signed still counts.")]
    public SecretReference? PreviousSigningKey { get; init; }

    [Description("Enforce decisions. Off: they are signed, recorded and counted, and change no answer.")]
    public bool Enforce { get; init; }

    [Description("Longest life of a decision.")]
    public TimeSpan MaxDuration { get; init; } = TimeSpan.FromDays(7);

    [Description("Addresses or networks of gateways that may ask /gateway for decisions; only this host when empty.")]
    public IReadOnlyList<string> Gateways { get; init; } = [];

    [Description("What a gateway hears while decisions cannot be known (never read since the start, unknown model): allow, or with false 503.")]
    public bool FailOpen { get; init; } = true;
}

/// <summary>What is done about a client.</summary>
public enum ResponseAction
{
    /// <summary>At most <c>rate</c> calls a second; 429 beyond.</summary>
    Throttle,

    /// <summary>403.</summary>
    Deny,

    /// <summary>Outputs rounded to <c>decimals</c>; with 0 only the top class.</summary>
    Coarsen,

    /// <summary>Answered by another version, or by the model's fallback.</summary>
    Route,
}

/// <summary>An entry of <c>responses</c>: an incident that matches every key given leads to a decision about its clients.</summary>
public sealed record ResponsePolicyConfiguration
{
    [Required, RegularExpression("^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$", ErrorMessage = "letters, digits, '.', '_' and '-', at most 100"), Description("Name, for the audit; a new name decides anew.")]
    public string Name { get; init; } = "";

    [Description("Families: drift, outlier, adversarial, extraction, leakage, quality. Empty: extraction, adversarial and leakage.")]
    public IReadOnlyList<string> Families { get; init; } = [];

    [Description("Least severity of the incident.")]
    public ReceiverSeverity Severity { get; init; } = ReceiverSeverity.Harm;

    [Description("Models; all when empty.")]
    public IReadOnlyList<string> Models { get; init; } = [];

    [Required, Description("What is done.")]
    public ResponseAction Action { get; init; }

    [Range(0.001, 1e6), Description("throttle: calls a second.")]
    public double Rate { get; init; } = 1;

    [Range(0, 9), Description("coarsen: decimals kept; 0 gives the top class only.")]
    public int Decimals { get; init; }

    [Description("route: a version of the model, or fallback.")]
    public string? To { get; init; }

    [Description("For how long.")]
    public TimeSpan For { get; init; } = TimeSpan.FromHours(2);

    [Description("Recorded only, until a person approves it.")]
    public bool NeedsApproval { get; init; }

    [Range(1, 100), Description("Incidents over more clients than this are left to people.")]
    public int MaxClients { get; init; } = 10;
}

/// <summary>An entry of <c>limits</c>: what each client may ask. Calls that name no client are not limited.</summary>
public sealed record LimitConfiguration
{
    [Description("Models that it is for, each counted for itself; all when empty.")]
    public IReadOnlyList<string> Models { get; init; } = [];

    [Description("Clients that it is for, by their own names (of the key, header, claim or address); every client when empty.")]
    public IReadOnlyList<string> Clients { get; init; } = [];

    [Range(0.001, 1e6), Description("Calls a second, on average.")]
    public double? PerSecond { get; init; }

    [Range(1, 1_000_000), Description("Calls at once, where perSecond is given; twice perSecond when absent.")]
    public int? Burst { get; init; }

    [Range(1L, 1_000_000_000L), Description("Calls a day, counted from midnight UTC; kept over a restart.")]
    public long? PerDay { get; init; }
}
