using System.ComponentModel;
using System.ComponentModel.DataAnnotations;

namespace Monitoring.Adversarial;

/// <summary>Options that all monitors of conformal hits share.</summary>
public record ConformalOptions
{
    [Range(0.001, 0.1), Description("An input whose p-value within its predicted class is at most this is a hit.")]
    public double HitAt { get; init; } = 0.01;

    [Range(0.001, 0.3), Description("Share of hits granted to honest clients at least; above the nominal one, because honest clients differ. The fit raises it where the reference's clients show more.")]
    public double HonestShare { get; init; } = 0.02;

    [Range(0.01, 0.6), Description("Probability granted at least that an honest client's hit is followed by another: clients send several versions of one input. The fit raises it where the reference's clients show more.")]
    public double HonestRun { get; init; } = 0.15;

    [Range(100, 10_000_000), Description("Clients watched at once; beyond, the one silent longest is forgotten and counted.")]
    public int Clients { get; init; } = 100_000;
}
