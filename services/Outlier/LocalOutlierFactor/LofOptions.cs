using System.ComponentModel;
using System.ComponentModel.DataAnnotations;

namespace Monitoring.Outlier;

/// <summary>Options of <c>lof</c>.</summary>
public sealed record LofOptions : RowOutlierOptions
{
    [Description("Neighbours looked at.")]
    [Range(1, 1000)]
    public int K { get; set; } = 20;
}
