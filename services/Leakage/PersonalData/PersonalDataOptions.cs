using System.ComponentModel;

namespace Monitoring.Leakage;

/// <summary>Options of <c>pii</c>.</summary>
public sealed record PersonalDataOptions
{
    [Description("Also report personal data in requests, as a change rather than harm.")]
    public bool Requests { get; init; }
}
