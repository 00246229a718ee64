using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Monitoring.Detection;

namespace Monitoring.Drift;

/// <summary>Options of <c>mmd-online</c>.</summary>
public sealed record MmdOnlineOptions : RowOptions
{
    [Description("Rows of the sliding window.")]
    [Range(5, 1_000)]
    public int Window { get; set; } = 50;

    [Description("Expected rows between two crossings on clean data. The false-alarm budget does not hang on it: crossings are bet on.")]
    [Range(20, 100_000)]
    public int ExpectedRunTime { get; set; } = 500;

    [Description("Most reference rows.")]
    [Range(100, 5_000)]
    public int MaximumReference { get; set; } = 2_000;

    [Description("Bandwidth of the Gaussian kernel; empty for the median heuristic.")]
    [Range(1e-12, 1e12)]
    public double? Sigma { get; set; }

    [Description("How columns are made comparable: auto (none for images, standard for rows), standard or none.")]
    public ColumnScaling Scaling { get; set; } = ColumnScaling.Auto;
}
