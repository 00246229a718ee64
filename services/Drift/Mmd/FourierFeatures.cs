using System.Numerics.Tensors;

namespace Monitoring.Drift;

/// <summary>
/// Random Fourier features of the Gaussian kernel (Rahimi and Recht 2007): z(x) = √(2/D)·cos(Ωx + b), Ω ~ N(0, σ⁻²I),
/// b ~ U[0, 2π), so that z(x)·z(y) ≈ k(x, y) and ‖z‖² ≤ 2.
/// </summary>
internal sealed class FourierFeatures : IFeatureMap
{
    private readonly int _columns;
    private readonly float[] _frequencies;
    private readonly float[] _phases;
    private readonly float _amplitude;

    public FourierFeatures(int columns, int features, double sigma, ulong seed)
    {
        _columns = columns;
        _frequencies = new float[features * columns];
        _phases = new float[features];
        _amplitude = (float)Math.Sqrt(2.0 / features);
        var random = new Random(unchecked((int)(seed ^ (seed >> 32))));
        for (var i = 0; i < _frequencies.Length; i++)
        {
            // Box and Muller.
            _frequencies[i] = (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()) / sigma);
        }

        for (var i = 0; i < features; i++)
        {
            _phases[i] = (float)(2 * Math.PI * random.NextDouble());
        }
    }

    public int Count => _phases.Length;

    public void Map(ReadOnlySpan<float> row, Span<float> target)
    {
        for (var f = 0; f < _phases.Length; f++)
        {
            target[f] = TensorPrimitives.Dot<float>(row, _frequencies.AsSpan(f * _columns, _columns)) + _phases[f];
        }

        TensorPrimitives.Cos<float>(target, target);
        TensorPrimitives.Multiply(target, _amplitude, target);
    }
}
