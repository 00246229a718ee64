using System.ComponentModel;
using System.ComponentModel.DataAnnotations;

namespace Monitoring.Extraction;

/// <summary>Options of <c>self-similarity</c>.</summary>
public sealed record SelfSimilarityOptions
{
    [Range(0.001, 0.5), Description("Share of queries near a client's own earlier ones that is granted to honest clients at least. The fit raises it where the reference's clients show more.")]
    public double HonestShare { get; init; } = 0.05;

    [Range(16, 4096), Description("Distinct queries remembered of a client, 64 bytes each.")]
    public int History { get; init; } = 256;

    [Description("Watch the accounts of one address prefix, of one key family, or that send the same inputs together too, from the second account on.")]
    public bool Cohorts { get; init; } = true;

    [Range(100, 10_000_000), Description("Clients watched at once; beyond, the one silent longest is forgotten and counted.")]
    public int Clients { get; init; } = 100_000;
}
