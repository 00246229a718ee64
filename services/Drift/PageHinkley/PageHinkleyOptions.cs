using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Monitoring.Statistics;

namespace Monitoring.Drift;

/// <summary>Options of <c>page-hinkley</c>; lengths are in standard deviations of the reference.</summary>
public sealed record PageHinkleyOptions : CrossingOptions
{
    [Description("Change of the mean that counts as none, in standard deviations.")]
    [Range(0, 10)]
    public double Delta { get; set; } = 0.1;

    [Description("Sum of deviations at which it crosses, in standard deviations.")]
    [Range(1, 1e6)]
    public double Threshold { get; set; } = 20;

    [Description("Forgetting of the sum.")]
    [Range(0.5, 1)]
    public double Alpha { get; set; } = 0.9999;

    [Description("Which changes of the mean are looked for: both, up or down.")]
    public ChangeDirection Direction { get; set; } = ChangeDirection.Both;
}
