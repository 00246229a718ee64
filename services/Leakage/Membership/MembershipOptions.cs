using System.ComponentModel;
using System.ComponentModel.DataAnnotations;

namespace Monitoring.Leakage;

/// <summary>Options of <c>membership</c>.</summary>
public sealed record MembershipOptions
{
    [Required, Description("Training records (.npy, .csv, .jsonl) in the form in which the model is asked; only keyed hashes of them are kept.")]
    public string Training { get; init; } = "";

    [Range(0, 9), Description("Decimals to which values are rounded before hashing, so that the same record is known however it was written.")]
    public int Decimals { get; init; } = 3;

    [Range(2.0, 1_000_000.0), Description("Spread between honest clients when the reference names none: the concentration of their Beta distribution; lower is wider.")]
    public double Concentration { get; init; } = 20;

    [Range(100, 10_000_000), Description("Clients watched at once; beyond, the one silent longest is forgotten and counted.")]
    public int Clients { get; init; } = 100_000;
}
