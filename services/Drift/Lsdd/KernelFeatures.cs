using System.Numerics.Tensors;

namespace Monitoring.Drift;

/// <summary>A row's Gaussian kernels to frozen centres.</summary>
/// <param name="centres">Row-major.</param>
/// <param name="columns">Numbers per row.</param>
/// <param name="sigma">Bandwidth.</param>
internal sealed class KernelFeatures(float[] centres, int columns, double sigma) : IFeatureMap
{
    private readonly float _scale = (float)(-1 / (2 * sigma * sigma));

    public int Count => centres.Length / columns;

    public void Map(ReadOnlySpan<float> row, Span<float> target)
    {
        for (var c = 0; c < target.Length; c++)
        {
            var distance = TensorPrimitives.Distance(row, centres.AsSpan(c * columns, columns));
            target[c] = MathF.Min(distance * distance, float.MaxValue) * _scale;
        }

        TensorPrimitives.Exp<float>(target, target);
    }
}
