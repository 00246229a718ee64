using System.ComponentModel;
using System.ComponentModel.DataAnnotations;

namespace Monitoring.Drift;

/// <summary>Options of <c>adwin</c>.</summary>
public sealed record AdwinOptions : CrossingOptions
{
    [Description("Confidence of a cut; smaller cuts later and less often.")]
    [Range(1e-9, 0.5)]
    public double Delta { get; set; } = 0.002;
}
