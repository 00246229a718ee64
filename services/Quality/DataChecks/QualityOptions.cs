using System.ComponentModel;
using System.ComponentModel.DataAnnotations;

namespace Monitoring.Quality;

/// <summary>Options of <c>quality</c>.</summary>
public sealed record QualityOptions
{
    [Description("Ranges of the reference beyond its extremes at which a number is called absurd.")]
    [Range(0, 1e9)]
    public double AbsurdRanges { get; set; } = 10;

    [Description("A column that varied in the reference is called constant when so long a run of one value has a probability below this.")]
    [Range(1e-300, 0.1)]
    public double ConstantProbability { get; set; } = 1e-12;
}
