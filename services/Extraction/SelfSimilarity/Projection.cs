using System.Numerics.Tensors;
using Monitoring.Statistics;

namespace Monitoring.Extraction;

/// <summary>
/// Inputs, each column in units of its own, as 32 random combinations (Johnson and Lindenstrauss 1984; Achlioptas' signs, 2003), so that squared distances are kept on average, with a relative
/// standard deviation of some 25 %.
/// </summary>
internal sealed class Projection
{
    public const int Width = 32;

    private readonly float[] _scales;
    private readonly float[] _directions;

    /// <param name="scales">Factor on each column: 1 for images, 1/standard deviation for rows.</param>
    /// <param name="seed">Seed of the signs.</param>
    public Projection(float[] scales, ulong seed)
    {
        _scales = scales;
        _directions = new float[Width * scales.Length];
        var length = 1 / MathF.Sqrt(Width);
        for (var i = 0; i < _directions.Length; i++)
        {
            _directions[i] = (Mixing.Mix(seed + (ulong)i) & 1) == 0 ? length : -length;
        }
    }

    public ReadOnlySpan<float> Scales => _scales;

    public int Inputs => _scales.Length;

    /// <summary>Values that are not finite count as 0.</summary>
    public void Of(ReadOnlySpan<float> input, Span<float> projected)
    {
        Span<float> scaled = input.Length <= 4096 ? stackalloc float[input.Length] : new float[input.Length];
        for (var i = 0; i < input.Length; i++)
        {
            var value = input[i] * _scales[i];
            scaled[i] = float.IsFinite(value) ? value : 0;
        }

        for (var i = 0; i < Width; i++)
        {
            projected[i] = TensorPrimitives.Dot<float>(scaled, _directions.AsSpan(i * scaled.Length, scaled.Length));
        }
    }
}
