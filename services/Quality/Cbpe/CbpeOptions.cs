using System.ComponentModel;
using System.ComponentModel.DataAnnotations;

namespace Monitoring.Quality;

/// <summary>Options of <c>cbpe</c>.</summary>
public sealed record CbpeOptions
{
    [Description("Fewest labelled reference rows that calibration is fitted on.")]
    [Range(50, 10_000_000)]
    public int MinimumLabels { get; set; } = 200;

    [Description("Accuracy that is promised, between 0 and 1: an estimate below it is harm. The model's `objective` on accuracy when absent; without either a change of the estimate is a ticket.")]
    [Range(0.01, 0.999)]
    public double? Threshold { get; set; }
}
