using System.Numerics.Tensors;
using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Adversarial;

/// <summary>
/// Mahalanobis distance to the nearest class mean under one covariance (Lee et al., NeurIPS 2018, eq. 2), on an exported layer: M(x) = min over c of
/// (φ(x) − μ_c)ᵀ Σ⁻¹ (φ(x) − μ_c). Use the pooled last convolution; the penultimate layer sees little (1 to 16 % on digits).
/// </summary>
internal sealed class ClassDistance
{
    /// <summary>Ridge on Σ, as a share of its mean diagonal: layers after a ReLU have dead units.</summary>
    private const double Ridge = 1e-3;

    private readonly float[] _whitening;
    private readonly float[] _means;

    private ClassDistance(int width, float[] whitening, float[] means)
    {
        Width = width;
        _whitening = whitening;
        _means = means;
    }

    /// <summary>Width of the layer.</summary>
    public int Width { get; }

    /// <param name="features">rows × width, row-major.</param>
    /// <param name="classes">Predicted class of each row; negative ones are left out.</param>
    /// <param name="width">Width of the layer.</param>
    public static ClassDistance Fit(ReadOnlySpan<float> features, ReadOnlySpan<int> classes, int width)
    {
        var sums = new SortedDictionary<int, (double[] Sum, int Count)>();
        for (var row = 0; row < classes.Length; row++)
        {
            if (classes[row] < 0)
            {
                continue;
            }

            var (sum, count) = sums.GetValueOrDefault(classes[row], (new double[width], 0));
            for (var i = 0; i < width; i++)
            {
                sum[i] += features[(row * width) + i];
            }

            sums[classes[row]] = (sum, count + 1);
        }

        var usable = sums.Where(s => s.Value.Count >= 10).ToArray();
        if (usable.Length == 0)
        {
            throw new FitException("no class has ten clean inputs with features");
        }

        var means = usable.ToDictionary(s => s.Key, s => Array.ConvertAll(s.Value.Sum, v => v / s.Value.Count));
        var covariance = new double[width * width];
        var difference = new double[width];
        var rows = 0;
        for (var row = 0; row < classes.Length; row++)
        {
            if (!means.TryGetValue(classes[row], out var mean))
            {
                continue;
            }

            rows++;
            for (var i = 0; i < width; i++)
            {
                difference[i] = features[(row * width) + i] - mean[i];
            }

            for (var i = 0; i < width; i++)
            {
                TensorPrimitives.MultiplyAdd(difference, difference[i], covariance.AsSpan(i * width, width), covariance.AsSpan(i * width, width));
            }
        }

        TensorPrimitives.Divide(covariance, Math.Max(1, rows - means.Count), covariance);
        var trace = Enumerable.Range(0, width).Sum(i => covariance[(i * width) + i]);
        for (var i = 0; i < width; i++)
        {
            covariance[(i * width) + i] += Math.Max(1e-12, Ridge * trace / width);
        }

        var factor = Cholesky(covariance, width);

        // Rows of L⁻¹ whiten: ‖L⁻¹(φ − μ)‖² is the distance.
        var inverse = new double[width * width];
        for (var column = 0; column < width; column++)
        {
            for (var i = column; i < width; i++)
            {
                var sum = i == column ? 1.0 : 0.0;
                for (var k = column; k < i; k++)
                {
                    sum -= factor[(i * width) + k] * inverse[(k * width) + column];
                }

                inverse[(i * width) + column] = sum / factor[(i * width) + i];
            }
        }

        var whitening = Array.ConvertAll(inverse, v => (float)v);
        return new ClassDistance(width, whitening, [.. means.Values.SelectMany(m => Whiten(whitening, Array.ConvertAll(m, v => (float)v), width))]);
    }

    /// <summary>Squared distance to the nearest class.</summary>
    public float Score(ReadOnlySpan<float> features)
    {
        var white = Whiten(_whitening, features, Width);
        var nearest = float.PositiveInfinity;
        for (var mean = 0; mean < _means.Length; mean += Width)
        {
            var distance = TensorPrimitives.Distance(white, _means.AsSpan(mean, Width));
            nearest = Math.Min(nearest, distance * distance);
        }

        return nearest;
    }

    public void Write(CanonicalWriter writer)
    {
        writer.WriteCount(Width);
        writer.WriteDoubles(Array.ConvertAll(_whitening, v => (double)v));
        writer.WriteDoubles(Array.ConvertAll(_means, v => (double)v));
    }

    public static ClassDistance Read(ref CanonicalReader reader)
    {
        var width = (int)reader.ReadCount();
        var whitening = Array.ConvertAll(reader.ReadDoubles(), v => (float)v);
        var means = Array.ConvertAll(reader.ReadDoubles(), v => (float)v);
        return width > 0 && whitening.Length == width * width && means.Length % width == 0
            ? new ClassDistance(width, whitening, means)
            : throw new InvalidDataException("a class distance of impossible size");
    }

    /// <summary>Lower factor L with L·Lᵀ = matrix.</summary>
    private static double[] Cholesky(double[] matrix, int size)
    {
        var factor = new double[matrix.Length];
        for (var i = 0; i < size; i++)
        {
            for (var j = 0; j <= i; j++)
            {
                var rest = matrix[(i * size) + j] - TensorPrimitives.Dot<double>(factor.AsSpan(i * size, j), factor.AsSpan(j * size, j));
                if (i == j && !(rest > 0))
                {
                    throw new FitException("the features' covariance is not positive definite: are they finite?");
                }

                factor[(i * size) + j] = i == j ? Math.Sqrt(rest) : rest / factor[(j * size) + j];
            }
        }

        return factor;
    }

    private static float[] Whiten(float[] whitening, ReadOnlySpan<float> features, int width)
    {
        var white = new float[width];
        for (var i = 0; i < width; i++)
        {
            white[i] = TensorPrimitives.Dot(whitening.AsSpan(i * width, width), features);
        }

        return white;
    }
}
