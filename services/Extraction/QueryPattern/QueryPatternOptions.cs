using System.ComponentModel;
using System.ComponentModel.DataAnnotations;

namespace Monitoring.Extraction;

/// <summary>Options of <c>query-pattern</c>.</summary>
public sealed record QueryPatternOptions
{
    [Description("ONNX files of the model during its training, in order, comma-separated; hardness is after which of them the answer no longer changed. Without them hardness is left out.")]
    public IReadOnlyList<string> Checkpoints { get; init; } = [];

    [Range(50, 20_000), Description("Clean inputs kept as neighbours.")]
    public int Neighbours { get; init; } = 2_000;

    [Description("Watch the accounts of one address prefix, of one key family, or that send the same inputs together too, from the second account on.")]
    public bool Cohorts { get; init; } = true;

    [Range(100, 10_000_000), Description("Clients watched at once; beyond, the one silent longest is forgotten and counted.")]
    public int Clients { get; init; } = 100_000;
}
