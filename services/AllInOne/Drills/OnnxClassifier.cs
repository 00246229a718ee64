using Microsoft.ML.OnnxRuntime;

namespace Monitoring.AllInOne.Drills;

/// <summary>A classifier in this process: for recordings, and for attackers' private measurements of what they have.</summary>
internal sealed class OnnxClassifier : IDisposable
{
    private readonly InferenceSession _session;
    private readonly string _input;
    private readonly long[] _shape;

    public OnnxClassifier(string path, int threads = 1)
    {
        using var options = new SessionOptions { IntraOpNumThreads = threads, InterOpNumThreads = 1 };
        _session = new InferenceSession(path, options);
        _input = _session.InputNames[0];
        _shape = Array.ConvertAll(_session.InputMetadata[_input].Dimensions, d => (long)d);
        Width = (int)_shape.Skip(1).Aggregate(1L, (a, b) => a * b);
        Outputs = [.. _session.OutputNames];
    }

    public int Width { get; }

    public IReadOnlyList<string> Outputs { get; }

    /// <summary>Floats per row of an output.</summary>
    public int WidthOf(string output) => _session.OutputMetadata[output].Dimensions.Skip(1).Aggregate(1, (a, b) => a * b);

    /// <summary>Runs rows of inputs; returns one array per output named.</summary>
    public float[][] Run(float[] inputs, int rows, params string[] outputs)
    {
        var shape = (long[])_shape.Clone();
        shape[0] = rows;
        using var value = OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, inputs.AsMemory(0, rows * Width), shape);
        using var options = new RunOptions();
        using var results = _session.Run(options, [_input], [value], outputs);
        return [.. results.Select(r => r.GetTensorDataAsSpan<float>().ToArray())];
    }

    /// <summary>Probabilities, rows × classes.</summary>
    public float[] Probabilities(float[] inputs, int rows) => Run(inputs, rows, "probabilities")[0];

    public void Dispose() => _session.Dispose();
}
