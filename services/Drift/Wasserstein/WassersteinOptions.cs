using System.ComponentModel;
using System.ComponentModel.DataAnnotations;

namespace Monitoring.Drift;

/// <summary>Options of <c>wasserstein</c>.</summary>
public sealed record WassersteinOptions : WindowTestOptions
{
    [Description("Permutations behind a window's p-value.")]
    [Range(19, 100_000)]
    public int Permutations { get; set; } = 199;
}
