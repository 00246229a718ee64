using System.Numerics.Tensors;
using Monitoring.Statistics;

namespace Monitoring.Adversarial;

/// <summary>
/// The subspace of the leading principal directions of clean inputs, by orthogonal iteration (Golub and Van Loan, 8.2.4) from a seeded start. Its score is the squared length of what lies
/// outside, each column in units of how much clean inputs usually leave outside there (factor analysis with a floor) and counted with at most one unit: many columns
/// slightly off tell more than a few far off, which honest inputs have too (Huber's bound).
/// </summary>
internal sealed class Subspace
{
    private const int Rounds = 12;

    /// <summary>Share of the mean variance outside that every column has at least: columns that clean inputs never use are not infinitely telling.</summary>
    private const float Floor = 0.1f;

    private readonly float[] _mean;
    private readonly float[] _basis;
    private readonly float[] _weights;

    private Subspace(float[] mean, float[] basis, float[] weights)
    {
        _mean = mean;
        _basis = basis;
        _weights = weights;
    }

    public int Width => _mean.Length;

    public int Directions => _basis.Length / Math.Max(1, _mean.Length);

    /// <param name="rows">rows × width, row-major; values that are not finite count as 0.</param>
    /// <param name="width">Width.</param>
    /// <param name="directions">Directions to keep; fewer where width or rows allow fewer.</param>
    /// <param name="seed">Seed of the start.</param>
    public static Subspace Fit(ReadOnlySpan<float> rows, int width, int directions, ulong seed)
    {
        var count = rows.Length / width;
        directions = Math.Min(directions, Math.Min(width / 2, count - 1));
        var mean = new float[width];
        var centred = new float[count * width];
        for (var i = 0; i < centred.Length; i++)
        {
            centred[i] = float.IsFinite(rows[i]) ? rows[i] : 0;
        }

        for (var row = 0; row < count; row++)
        {
            TensorPrimitives.Add(mean, centred.AsSpan(row * width, width), mean);
        }

        TensorPrimitives.Divide(mean, count, mean);
        for (var row = 0; row < count; row++)
        {
            var line = centred.AsSpan(row * width, width);
            TensorPrimitives.Subtract(line, mean, line);
        }

        var basis = new float[directions * width];
        for (var i = 0; i < basis.Length; i++)
        {
            basis[i] = (float)(Mixing.Uniform(seed + (ulong)i) - 0.5);
        }

        var next = new float[basis.Length];
        for (var round = 0; round < Rounds; round++)
        {
            Orthonormalise(basis, width);
            Array.Clear(next);
            for (var row = 0; row < count; row++)
            {
                var line = centred.AsSpan(row * width, width);
                for (var direction = 0; direction < directions; direction++)
                {
                    var target = next.AsSpan(direction * width, width);
                    TensorPrimitives.MultiplyAdd(line, TensorPrimitives.Dot(line, basis.AsSpan(direction * width, width)), target, target);
                }
            }

            (basis, next) = (next, basis);
        }

        Orthonormalise(basis, width);
        var variances = new float[width];
        for (var row = 0; row < count; row++)
        {
            var line = centred.AsSpan(row * width, width);
            Project(line, basis, width);
            TensorPrimitives.MultiplyAdd(line, line, variances, variances);
        }

        TensorPrimitives.Divide(variances, count, variances);
        var floor = Math.Max(1e-12f, Floor * TensorPrimitives.Sum<float>(variances) / width);
        return new Subspace(mean, basis, Array.ConvertAll(variances, v => 1 / (v + floor)));
    }

    /// <summary>Bounded, weighted squared distance to the subspace: 0 to the width.</summary>
    public float Residual(ReadOnlySpan<float> row)
    {
        Span<float> centred = row.Length <= 4096 ? stackalloc float[row.Length] : new float[row.Length];
        for (var i = 0; i < row.Length; i++)
        {
            centred[i] = (float.IsFinite(row[i]) ? row[i] : 0) - _mean[i];
        }

        Project(centred, _basis, _mean.Length);
        TensorPrimitives.Multiply(centred, centred, centred);
        TensorPrimitives.Multiply(centred, _weights, centred);
        TensorPrimitives.Min(centred, 1f, centred);
        return TensorPrimitives.Sum<float>(centred);
    }

    public void Write(CanonicalWriter writer)
    {
        writer.WriteDoubles(Array.ConvertAll(_mean, v => (double)v));
        writer.WriteDoubles(Array.ConvertAll(_basis, v => (double)v));
        writer.WriteDoubles(Array.ConvertAll(_weights, v => (double)v));
    }

    public static Subspace Read(ref CanonicalReader reader)
    {
        var mean = Array.ConvertAll(reader.ReadDoubles(), v => (float)v);
        var basis = Array.ConvertAll(reader.ReadDoubles(), v => (float)v);
        var weights = Array.ConvertAll(reader.ReadDoubles(), v => (float)v);
        return mean.Length > 0 && basis.Length % mean.Length == 0 && weights.Length == mean.Length
            ? new Subspace(mean, basis, weights)
            : throw new InvalidDataException("a subspace of impossible size");
    }

    /// <summary>Takes the part inside the subspace away.</summary>
    private static void Project(Span<float> centred, float[] basis, int width)
    {
        for (var start = 0; start < basis.Length; start += width)
        {
            var direction = basis.AsSpan(start, width);
            TensorPrimitives.MultiplyAdd(direction, -TensorPrimitives.Dot<float>(centred, direction), centred, centred);
        }
    }

    private static void Orthonormalise(float[] basis, int width)
    {
        for (var i = 0; i < basis.Length; i += width)
        {
            var line = basis.AsSpan(i, width);
            for (var pass = 0; pass < 2; pass++)
            {
                for (var j = 0; j < i; j += width)
                {
                    var earlier = basis.AsSpan(j, width);
                    TensorPrimitives.MultiplyAdd(earlier, -TensorPrimitives.Dot(line, earlier), line, line);
                }
            }

            var norm = TensorPrimitives.Norm<float>(line);
            TensorPrimitives.Divide(line, norm > 1e-20f ? norm : 1, line);
        }
    }
}
