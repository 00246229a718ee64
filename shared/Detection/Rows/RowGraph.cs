using Monitoring.Scoring;

namespace Monitoring.Detection;

/// <summary>An ONNX graph over rows: one FP32 input [n, …] whose trailing dimensions lie side by side in a row. Thread-safe.</summary>
public sealed class RowGraph
{
    // Most values of one run's input: fixed memory, whatever the batch.
    private const int RunValues = 4 << 20;
    private readonly ScoringModel _model;
    private readonly TensorInfo _input;
    private readonly int _width;

    /// <exception cref="FitException">The graph does not take rows of this width.</exception>
    internal RowGraph(ScoringModel model, int width)
    {
        _model = model;
        _width = width;
        if (model.Inputs.Count != 1 || model.Inputs[0].Type != TensorType.Float32 || model.Inputs[0].Shape.Count < 1)
        {
            throw new FitException($"{model.Name} must have one FP32 input of rows; it has {string.Join(", ", model.Inputs.Select(i => $"{i.Name} {i.Type.ProtocolName()} {i.ShapeText}"))}");
        }

        _input = model.Inputs[0];
        var shape = _input.Shape;
        long known = 1;
        var free = 0;
        for (var d = 1; d < shape.Count; d++)
        {
            known *= shape[d] >= 0 ? shape[d] : 1;
            free += shape[d] < 0 ? 1 : 0;
        }

        if (shape[0] >= 0 || free > 1 || known <= 0 || width % known != 0 || (free == 0 && known != width))
        {
            throw new FitException($"{model.Name} takes {_input.ShapeText}: rows of {width} values need a free first dimension and {width} values behind it");
        }
    }

    public string Name => _model.Name;

    /// <summary>Lower-case hexadecimal.</summary>
    public string Sha256 => _model.Sha256;

    public IReadOnlyList<TensorInfo> Outputs => _model.Outputs;

    /// <summary>Runs rows through the graph.</summary>
    /// <param name="rows">count × width values.</param>
    /// <param name="count">Rows, at least one.</param>
    /// <param name="output">Name of the output.</param>
    /// <param name="cancellationToken">Ends the run early.</param>
    /// <returns>The output's numbers, row-major, and how many a row has.</returns>
    /// <exception cref="ScoringException">The run failed, or the output is not FP32 or FP64 with one row per row.</exception>
    public (float[] Values, int Width) Run(ReadOnlyMemory<float> rows, int count, string output, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        var step = Math.Max(1, RunValues / Math.Max(1, _width));
        float[] values = [];
        var width = 0;
        for (var first = 0; first < count; first += step)
        {
            var length = Math.Min(step, count - first);
            long[] shape = [length, .. _input.Shape.Skip(1)];
            for (var d = 1; d < shape.Length; d++)
            {
                shape[d] = shape[d] < 0 ? _width / shape.Skip(1).Where(s => s >= 0).Aggregate(1L, (a, b) => a * b) : shape[d];
            }

            var result = _model.Run([ScoringTensor.Create(_input.Name, rows.Slice(first * _width, length * _width), shape)], [output], cancellationToken)[0];
            float[] part = result.Type switch
            {
                TensorType.Float32 => result.AsSpan<float>().ToArray(),
                TensorType.Float64 => Array.ConvertAll(result.AsSpan<double>().ToArray(), v => (float)v),
                _ => throw new ScoringException(ScoringError.Output, $"{Name}: output '{output}' is {result.Type.ProtocolName()}, FP32 or FP64 is needed"),
            };
            if (part.Length == 0 || part.Length % length != 0 || result.Rows != length)
            {
                throw new ScoringException(ScoringError.Output, $"{Name}: output '{output}' has shape [{string.Join(",", result.Shape)}] for {length} rows");
            }

            if (first == 0)
            {
                width = part.Length / length;
                values = new float[(long)count * width];
            }

            part.CopyTo(values, (long)first * width);
        }

        return (values, width);
    }
}
