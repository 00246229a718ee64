using System.ComponentModel;
using System.ComponentModel.DataAnnotations;

namespace Monitoring.Extraction;

/// <summary>Options of <c>surrogate-fidelity</c>.</summary>
public sealed record SurrogateFidelityOptions
{
    [Range(0.01, 1.0), Description("Agreement of a client's copy, by its lower bound, at which a change is reported; below, the interval is recorded.")]
    public double Agreement { get; init; } = 0.8;

    [Range(1, 4096), Description("Clients measured at once, some 0.4 MB each: those that ask most. Beyond, a client that has asked more than twice as much as the least asking one takes its place; both are counted as forgotten.")]
    public int Clients { get; init; } = 64;

    [Range(10, 1_000_000), Description("Queries before the first measurement; the next come after half as many again each.")]
    public int First { get; init; } = 50;
}
