using System.Numerics.Tensors;

namespace Monitoring.Drift;

/// <summary>What the domain classifier sees of a row: its columns (random combinations of them where they are many), and random Fourier features for all else.</summary>
internal sealed class ClassifierFeatures : IFeatureMap
{
    private const int MostColumns = 128;
    private const int Fourier = 128;

    // Columns beyond this many deviations count as this many: one wild value must not be the mean.
    private const float Clip = 10;
    private readonly FourierFeatures _fourier;
    private readonly float[] _signs;
    private readonly int _columns;
    private readonly float _scale;

    public ClassifierFeatures(FeatureWindowReference reference, ulong seed)
    {
        _columns = reference.Columns;
        _fourier = new FourierFeatures(_columns, Fourier, reference.Sigma, seed);
        var random = new Random(unchecked((int)(seed ^ (seed >> 32)) ^ 0x5eed));
        _signs = new float[_columns > MostColumns ? MostColumns * _columns : 0];
        foreach (ref var sign in _signs.AsSpan())
        {
            sign = random.Next(2) == 0 ? 1 : -1;
        }

        // The median squared distance of two rows is 2σ².
        _scale = (float)(1 / reference.Sigma);
        Count = Math.Min(MostColumns, _columns) + Fourier;
    }

    public int Count { get; }

    public void Map(ReadOnlySpan<float> row, Span<float> target)
    {
        var columns = Count - Fourier;
        for (var c = 0; c < columns; c++)
        {
            var value = _signs.Length == 0 ? row[c] : TensorPrimitives.Dot<float>(row, _signs.AsSpan(c * _columns, _columns)) * _scale;
            target[c] = float.IsNaN(value) ? 0 : Math.Clamp(value, -Clip, Clip);
        }

        _fourier.Map(row, target[columns..]);
    }
}
