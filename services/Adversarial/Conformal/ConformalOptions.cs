using System.ComponentModel;
using System.ComponentModel.DataAnnotations;

namespace Monitoring.Adversarial;

/// <summary>Options that all monitors of conformal hits share.</summary>
public record ConformalOptions
{
    [Range(0.001, 0.1), Description("An input whose p-value within its predicted class is at most this is a hit.")]
    public double HitAt { get; init; } = 0.01;

    [Range(0.001, 0.3), Description("Largest share of hits that an honest client may have; above the nominal one, because honest clients differ.")]
    public double HonestShare { get; init; } = 0.02;

    [Range(100, 10_000_000), Description("Clients watched at once; beyond, the one silent longest is forgotten and counted.")]
    public int Clients { get; init; } = 100_000;
}
