using System.ComponentModel;
using System.ComponentModel.DataAnnotations;

namespace Monitoring.Quality;

/// <summary>Options of <c>quality</c>.</summary>
public sealed record QualityOptions
{
    [Description("Ranges of the reference beyond its extremes at which a number is called absurd.")]
    [Range(0, 1e9)]
    public double AbsurdRanges { get; set; } = 10;

    [Description("A column that stands still at a value is a finding where the value repeats in at most this share of the reference's rows; what repeats more often is a change of distribution, which evidence finds.")]
    [Range(0, 0.5)]
    public double LargestRepeatRate { get; set; } = 0.1;
}
