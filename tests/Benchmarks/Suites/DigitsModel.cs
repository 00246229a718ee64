using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Monitoring.Benchmarks.Budget;

namespace Monitoring.Benchmarks.Suites;

/// <summary>infra/demo/digits.onnx on one thread.</summary>
internal sealed class DigitsModel
{
    private readonly InferenceSession _session = new(
        Path.Combine(Npy.Root(), "infra/demo/digits.onnx"),
        new SessionOptions { IntraOpNumThreads = 1, InterOpNumThreads = 1 });

    /// <summary>Probabilities of ten classes for so many images, row by row.</summary>
    public float[] Classify(float[] images, int count)
    {
        using var results = _session.Run(
            [NamedOnnxValue.CreateFromTensor("image", new DenseTensor<float>(images, [count, 1, Digits.Side, Digits.Side]))], ["probabilities"]);
        return [.. results[0].AsEnumerable<float>()];
    }
}
