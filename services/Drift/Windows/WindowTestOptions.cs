using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Monitoring.Detection;

namespace Monitoring.Drift;

/// <summary>What all window tests share.</summary>
public abstract record WindowTestOptions : RowOptions
{
    [Description("Rows of a window.")]
    [Range(20, 1_000_000)]
    public int Window { get; set; } = 500;

    [Description("Most reference rows kept in the profile; more are sampled.")]
    [Range(50, 1_000_000)]
    public int MaximumReference { get; set; } = 10_000;

    [Description("Share by which a bin's frequency may move without counting as change.")]
    [Range(0, 0.9)]
    public double Tolerance { get; set; } = 0.1;
}
