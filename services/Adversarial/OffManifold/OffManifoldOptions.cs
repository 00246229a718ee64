using System.ComponentModel;
using System.ComponentModel.DataAnnotations;

namespace Monitoring.Adversarial;

/// <summary>Options of <c>off-manifold</c>.</summary>
public sealed record OffManifoldOptions : ConformalOptions
{
    [Description("Output tensor with the pooled last convolution; export it under the model's 'exports'. Where events do not carry it, the residual alone is used.")]
    public string Features { get; init; } = "features";

    [Range(1, 1000), Description("Principal directions of clean inputs; what lies outside is the residual.")]
    public int Directions { get; init; } = 60;
}
