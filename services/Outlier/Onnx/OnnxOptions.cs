namespace Monitoring.Outlier;

/// <summary>Options of <c>onnx</c>.</summary>
public sealed record OnnxOptions : GraphScoreOptions
{ }
