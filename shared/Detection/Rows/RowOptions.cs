using System.ComponentModel;
using System.ComponentModel.DataAnnotations;

namespace Monitoring.Detection;

/// <summary>What a kind that judges rows watches; <see cref="WatchedRowsKind"/> applies it, the kind itself sees plain rows.</summary>
public abstract record RowOptions
{
    [Description("What is watched: auto, inputs, outputs (probabilities, scores or numbers), entropy (of the probabilities, in nats), doubt (1 − the largest probability), or the name of an exported tensor. auto is inputs for most kinds.")]
    public string On { get; set; } = RowProjection.Auto;

    [Description("ONNX file that the watched rows go through first: its embedding is watched instead. Kept in the profile.")]
    public string Encoder { get; set; } = "";

    [Description("Output of the encoder; empty for its first.")]
    public string EncoderOutput { get; set; } = "";

    [Description("Column by whose commonest values the rows are watched apart, each with a reference of its own; the rest are watched together. Empty for no segments.")]
    public string Segment { get; set; } = "";

    [Description("Most segments, the rest not counted.")]
    [Range(1, 100)]
    public int Segments { get; set; } = 8;
}
