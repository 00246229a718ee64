using System.ComponentModel;
using System.ComponentModel.DataAnnotations;

namespace Monitoring.Outlier;

/// <summary>Options of <c>pca</c>.</summary>
public sealed record PcaOptions : RowOutlierOptions
{
    [Description("Leading components to use; empty for all.")]
    [Range(1, 1_000_000)]
    public int? Components { get; set; }
}
