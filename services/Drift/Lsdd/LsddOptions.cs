using System.ComponentModel;
using System.ComponentModel.DataAnnotations;

namespace Monitoring.Drift;

/// <summary>Options of <c>lsdd</c>.</summary>
public sealed record LsddOptions : FeatureWindowOptions
{
    [Description("Permutations behind a window's p-value: the smallest p is 1/(permutations + 1).")]
    [Range(19, 10_000)]
    public int Permutations { get; set; } = 100;

    [Description("Kernel centres, taken from the reference; at most a quarter of the rows a window is tested against.")]
    [Range(2, 500)]
    public int Centres { get; set; } = 100;
}
