using System.ComponentModel;
using Monitoring.Detection;

namespace Monitoring.Drift;

/// <summary>Options of <c>evidence</c>.</summary>
public sealed record EvidenceMonitorOptions : RowOptions
{
    [Description("Watch the inputs (or what on names in their place): of images seven statistics and block means, of rows every column and its missingness.")]
    public bool Inputs { get; set; } = true;

    [Description("Watch the outputs: predicted class and entropy of the probabilities, or the predicted numbers.")]
    public bool Outputs { get; set; } = true;

    [Description("Names of exported tensors whose every component is watched too, for example an embedding.")]
    public IReadOnlyList<string> Tensors { get; set; } = [];
}
