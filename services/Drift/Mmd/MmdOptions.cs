using System.ComponentModel;
using System.ComponentModel.DataAnnotations;

namespace Monitoring.Drift;

/// <summary>Options of <c>mmd</c>.</summary>
public sealed record MmdOptions : FeatureWindowOptions
{
    [Description("Permutations behind a window's p-value: the smallest p is 1/(permutations + 1).")]
    [Range(19, 10_000)]
    public int Permutations { get; set; } = 100;

    [Description("Random Fourier features of the evidence.")]
    [Range(8, 8_192)]
    public int Features { get; set; } = 256;
}
