using System.ComponentModel;
using Monitoring.Detection;

namespace Monitoring.Outlier;

/// <summary>What the kinds share whose score an ONNX file computes.</summary>
public abstract record GraphScoreOptions : RowOptions
{
    [Description("ONNX file, beside monitoring.yaml unless the path is absolute. Kept in the profile.")]
    public string File { get; set; } = "";

    [Description("The graph's output; empty for the kind's usual one.")]
    public string Output { get; set; } = "";

    [Description("How columns are made comparable in an error: auto (none for images, standard for rows), standard or none.")]
    public ColumnScaling Scaling { get; set; } = ColumnScaling.Auto;
}
