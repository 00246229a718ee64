using System.ComponentModel;
using System.ComponentModel.DataAnnotations;

namespace Monitoring.Outlier;

/// <summary>Options of <c>isolation-forest</c>.</summary>
public sealed record IsolationForestOptions : RowOutlierOptions
{
    [Description("Trees of the forest.")]
    [Range(1, 10_000)]
    public int Trees { get; set; } = 300;

    [Description("Reference rows each tree is grown on.")]
    [Range(2, 65_536)]
    public int SampleSize { get; set; } = 256;
}
