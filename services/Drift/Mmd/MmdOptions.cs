using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Monitoring.Detection;

namespace Monitoring.Drift;

/// <summary>Options of <c>mmd</c>.</summary>
public sealed record MmdOptions
{
    [Description("Rows of a window.")]
    [Range(20, 10_000)]
    public int Window { get; set; } = 500;

    [Description("Permutations behind a window's p-value: the smallest p is 1/(permutations + 1).")]
    [Range(19, 10_000)]
    public int Permutations { get; set; } = 100;

    [Description("Reference rows that a window is tested against.")]
    [Range(50, 10_000)]
    public int TestReference { get; set; } = 2_000;

    [Description("Most reference rows whose mean embedding the evidence compares with; more rows, a smaller provable change.")]
    [Range(50, 1_000_000)]
    public int MaximumReference { get; set; } = 10_000;

    [Description("Random Fourier features of the evidence.")]
    [Range(8, 8_192)]
    public int Features { get; set; } = 256;

    [Description("Bandwidth of the Gaussian kernel; empty for the median heuristic.")]
    [Range(1e-12, 1e12)]
    public double? Sigma { get; set; }

    [Description("How columns are made comparable: auto (none for images, standard for rows), standard or none.")]
    public ColumnScaling Scaling { get; set; } = ColumnScaling.Auto;
}
