using System.ComponentModel;
using System.ComponentModel.DataAnnotations;

namespace Monitoring.Outlier;

/// <summary>Options of <c>hbos</c>.</summary>
public sealed record HbosOptions : RowOutlierOptions
{
    [Description("Bins of equal width per column.")]
    [Range(1, 1000)]
    public int Bins { get; set; } = 10;

    [Description("Added to every density before the logarithm.")]
    [Range(1e-9, 1e9)]
    public double Alpha { get; set; } = 0.1;

    [Description("Bin widths beyond the reference that still count to the edge bin.")]
    [Range(0, 1e9)]
    public double Tolerance { get; set; } = 0.5;
}
