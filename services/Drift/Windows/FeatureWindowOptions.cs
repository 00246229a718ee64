using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Monitoring.Detection;

namespace Monitoring.Drift;

/// <summary>What the kinds share that test whole windows of rows at once.</summary>
public abstract record FeatureWindowOptions : RowOptions
{
    [Description("Rows of a window.")]
    [Range(20, 10_000)]
    public int Window { get; set; } = 500;

    [Description("Reference rows that a window is tested against.")]
    [Range(50, 10_000)]
    public int TestReference { get; set; } = 2_000;

    [Description("Most reference rows whose mean the evidence compares with; more rows, a smaller provable change.")]
    [Range(50, 1_000_000)]
    public int MaximumReference { get; set; } = 10_000;

    [Description("Bandwidth of the Gaussian kernel; empty for the median heuristic.")]
    [Range(1e-12, 1e12)]
    public double? Sigma { get; set; }

    [Description("How columns are made comparable: auto (none for images, standard for rows), standard or none.")]
    public ColumnScaling Scaling { get; set; } = ColumnScaling.Auto;
}
