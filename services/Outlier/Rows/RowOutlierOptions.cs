using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Monitoring.Detection;

namespace Monitoring.Outlier;

/// <summary>What all kinds that score rows against a reference share.</summary>
public abstract record RowOutlierOptions : RowOptions
{
    [Description("How columns are made comparable: auto (none for images, standard for rows), standard or none.")]
    public ColumnScaling Scaling { get; set; } = ColumnScaling.Auto;

    [Description("Most reference rows kept in the profile; more are sampled.")]
    [Range(20, 1_000_000)]
    public int MaximumReference { get; set; } = 10_000;
}
