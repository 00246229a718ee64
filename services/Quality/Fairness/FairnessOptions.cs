using System.ComponentModel;
using System.ComponentModel.DataAnnotations;

namespace Monitoring.Quality;

/// <summary>Options of <c>fairness</c>.</summary>
public sealed record FairnessOptions
{
    [Description("Feature whose values are the segments: a category, or a number, which is cut at its median in the reference.")]
    [Required]
    public string Segment { get; set; } = "";

    [Description("Class that is the favourable answer, by index.")]
    [Range(0, 1000)]
    public int Positive { get; set; } = 1;

    [Description("Gap between a segment and the rest that is tolerated: of selection rates, of true-positive rates, of mean probability minus truth.")]
    [Range(0.001, 0.9)]
    public double Tolerance { get; set; } = 0.1;

    [Description("Most segments; rarer values are one segment, 'others'.")]
    [Range(2, 50)]
    public int MaxSegments { get; set; } = 10;

    [Description("Newest rows, and newest labelled rows, of each segment over which measures are shown.")]
    [Range(50, 100_000)]
    public int Window { get; set; } = 1000;

    [Description("Log time within which a label must come to be joined.")]
    public TimeSpan Horizon { get; set; } = TimeSpan.FromDays(7);

    [Description("Newest predictions that wait for labels, for each model version and partition.")]
    [Range(100, 10_000_000)]
    public int MaxPending { get; set; } = 50_000;
}
