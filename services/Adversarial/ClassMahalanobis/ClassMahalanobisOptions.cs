using System.ComponentModel;

namespace Monitoring.Adversarial;

/// <summary>Options of <c>class-mahalanobis</c>.</summary>
public sealed record ClassMahalanobisOptions : ConformalOptions
{
    [Description("Output tensor with the pooled last convolution; export it under the model's 'exports'.")]
    public string Features { get; init; } = "features";
}
