using System.ComponentModel;
using System.ComponentModel.DataAnnotations;

namespace Monitoring.Adversarial;

/// <summary>Options of <c>feature-squeezing</c>.</summary>
public sealed record FeatureSqueezingOptions : ConformalOptions
{
    [Range(1, 8), Description("Bits that the depth squeezer leaves; 1 is a property of near-binary images such as digits, photographs need 4 or 5.")]
    public int Bits { get; init; } = 1;

    [Range(1, 5), Description("Side of the median squeezer's window in pixels; 1 leaves it out.")]
    public int Median { get; init; } = 2;

    [Description("ONNX file of the model, where it is not served here.")]
    public string File { get; init; } = "";
}
