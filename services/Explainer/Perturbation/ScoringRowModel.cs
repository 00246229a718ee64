using Monitoring.Scoring;

namespace Monitoring.Explainer;

/// <summary>One input tensor and one output tensor of an ONNX model as rows of numbers.</summary>
internal sealed class ScoringRowModel : IRowModel
{
    private readonly ScoringModel _model;
    private readonly TensorInfo _input;
    private readonly string[] _output;
    private readonly long[] _rowShape;

    /// <param name="model">Model with one FP32 input whose first dimension is free; stays owned by the caller.</param>
    /// <param name="columns">Numbers per input row, for a model whose other dimensions are free; else they say it.</param>
    /// <param name="output">Output that is explained; null for the first one of floating-point numbers.</param>
    /// <exception cref="NotSupportedException">The model is of another form.</exception>
    public ScoringRowModel(ScoringModel model, int? columns = null, string? output = null)
    {
        if (model.Inputs.Count != 1 || model.Inputs[0].Type != TensorType.Float32 || !model.Inputs[0].HasDynamicRows)
        {
            throw new NotSupportedException($"model '{model.Name}' cannot be explained: it needs one FP32 input with a free first dimension");
        }

        _model = model;
        _input = model.Inputs[0];
        _rowShape = [.. _input.Shape.Skip(1)];
        if (_rowShape.Count(d => d < 0) is var free && free > 1)
        {
            throw new NotSupportedException($"model '{model.Name}' cannot be explained: its input shape {_input.ShapeText} leaves more than the rows open");
        }

        if (free == 1)
        {
            var rest = _rowShape.Where(d => d >= 0).Aggregate(1L, (a, b) => a * b);
            _rowShape[Array.FindIndex(_rowShape, d => d < 0)] = (columns ?? throw new NotSupportedException($"model '{model.Name}' does not say how many columns it takes")) / rest;
        }

        Columns = checked((int)_rowShape.Aggregate(1L, (a, b) => a * b));
        var found = output is null
            ? model.Outputs.FirstOrDefault(o => o.Type is TensorType.Float32 or TensorType.Float64)
            : model.Outputs.FirstOrDefault(o => o.Name == output);
        if (found is not { Type: TensorType.Float32 or TensorType.Float64 })
        {
            throw new NotSupportedException($"model '{model.Name}' has no FP32 or FP64 output{(output is null ? "" : $" '{output}'")}; its outputs are {string.Join(", ", model.Outputs.Select(o => o.Name))}");
        }

        _output = [found.Name];
        var width = found.Shape.Skip(1).Aggregate(1L, (a, b) => a * b);
        Outputs = width > 0 ? checked((int)width) : Probe();
    }

    public int Columns { get; }

    public int Outputs { get; }

    /// <summary>Name of the output that is explained.</summary>
    public string OutputName => _output[0];

    public void Score(ReadOnlyMemory<float> rows, int count, Span<double> outputs, CancellationToken cancellationToken)
    {
        var result = _model.Run([ScoringTensor.Create(_input.Name, rows, [count, .. _rowShape])], _output, cancellationToken)[0];
        if (result.ElementCount != outputs.Length)
        {
            throw new NotSupportedException($"output '{result.Name}' of model '{_model.Name}' has {result.ElementCount} numbers for {count} rows; expected {outputs.Length}");
        }

        if (result.Type == TensorType.Float64)
        {
            result.AsSpan<double>().CopyTo(outputs);
            return;
        }

        var floats = result.AsSpan<float>();
        for (var i = 0; i < floats.Length; i++)
        {
            outputs[i] = floats[i];
        }
    }

    private int Probe() => checked((int)_model.Run([ScoringTensor.Create(_input.Name, new float[Columns], [1, .. _rowShape])], _output)[0].ElementCount);
}
