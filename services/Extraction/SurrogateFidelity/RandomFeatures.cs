using System.Numerics.Tensors;
using Monitoring.Statistics;

namespace Monitoring.Extraction;

/// <summary>Random Fourier features of a Gaussian kernel (Rahimi and Recht, NIPS 2007): √(2/D)·cos(w·x/σ + b), and a constant 1.</summary>
internal sealed class RandomFeatures
{
    private readonly float[] _directions;
    private readonly double[] _phases;
    private readonly int _width;

    public RandomFeatures(int width, int count, double bandwidth, ulong seed)
    {
        _width = width;
        _directions = new float[count * width];
        _phases = new double[count];
        for (var i = 0; i < _directions.Length; i++)
        {
            _directions[i] = (float)(SpecialFunctions.NormalQuantile(Math.Clamp(Mixing.Uniform(seed + (ulong)i), 1e-12, 1 - 1e-12)) / bandwidth);
        }

        for (var i = 0; i < count; i++)
        {
            _phases[i] = 2 * Math.PI * Mixing.Uniform(~seed - (ulong)i);
        }
    }

    /// <summary>Features of one input.</summary>
    public int Count => _phases.Length + 1;

    public void Of(ReadOnlySpan<float> input, Span<double> features)
    {
        var scale = Math.Sqrt(2.0 / _phases.Length);
        for (var i = 0; i < _phases.Length; i++)
        {
            var along = TensorPrimitives.Dot(input, _directions.AsSpan(i * _width, _width));
            features[i] = float.IsFinite(along) ? scale * Math.Cos(along + _phases[i]) : 0;
        }

        features[^1] = 1;
    }
}
