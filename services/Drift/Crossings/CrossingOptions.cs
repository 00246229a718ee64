using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Monitoring.Detection;

namespace Monitoring.Drift;

/// <summary>What the kinds share that run a sequential detector on streams of numbers.</summary>
public abstract record CrossingOptions : RowOptions
{
    [Description("Most reference values that the detector knows beforehand.")]
    [Range(100, 100_000)]
    public int Memory { get; set; } = 2_000;
}
