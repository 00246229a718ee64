using System.ComponentModel;
using System.ComponentModel.DataAnnotations;

namespace Monitoring.Quality;

/// <summary>Options of <c>cbpe</c>.</summary>
public sealed record CbpeOptions
{
    [Description("Fewest labelled reference rows that calibration is fitted on.")]
    [Range(50, 10_000_000)]
    public int MinimumLabels { get; set; } = 200;
}
