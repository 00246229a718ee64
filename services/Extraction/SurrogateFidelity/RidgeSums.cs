using System.Numerics.Tensors;
using Monitoring.Statistics;

namespace Monitoring.Extraction;

/// <summary>Sums of a ridge regression from features to class probabilities: they grow by one query at a time and are all that is kept of the queries.</summary>
internal sealed class RidgeSums(int features, int classes)
{
    /// <summary>Lower triangle of ΣφφT, row by row.</summary>
    private readonly double[] _gram = new double[features * (features + 1) / 2];
    private readonly double[] _targets = new double[features * classes];

    public void Add(ReadOnlySpan<double> feature, ReadOnlySpan<float> answer)
    {
        for (int i = 0, start = 0; i < features; start += ++i)
        {
            var row = _gram.AsSpan(start, i + 1);
            TensorPrimitives.MultiplyAdd(feature[..(i + 1)], feature[i], row, row);
        }

        for (var c = 0; c < classes; c++)
        {
            var target = _targets.AsSpan(c * features, features);
            TensorPrimitives.MultiplyAdd(feature, answer[c], target, target);
        }
    }

    /// <summary>Weights, classes × features, of the ridge solution (G + λI)⁻¹ΣφyT.</summary>
    public double[] Solve(double ridge)
    {
        var factor = new double[features * features];
        for (int i = 0, start = 0; i < features; start += ++i)
        {
            for (var j = 0; j <= i; j++)
            {
                var rest = _gram[start + j] + (i == j ? ridge : 0) - TensorPrimitives.Dot<double>(factor.AsSpan(i * features, j), factor.AsSpan(j * features, j));
                factor[(i * features) + j] = i == j ? Math.Sqrt(Math.Max(rest, ridge * 1e-9)) : rest / factor[(j * features) + j];
            }
        }

        var weights = (double[])_targets.Clone();
        for (var c = 0; c < classes; c++)
        {
            var w = weights.AsSpan(c * features, features);
            for (var i = 0; i < features; i++)
            {
                w[i] = (w[i] - TensorPrimitives.Dot<double>(factor.AsSpan(i * features, i), w[..i])) / factor[(i * features) + i];
            }

            for (var i = features - 1; i >= 0; i--)
            {
                w[i] /= factor[(i * features) + i];
                for (var j = 0; j < i; j++)
                {
                    w[j] -= factor[(i * features) + j] * w[i];
                }
            }
        }

        return weights;
    }

    public void Write(CanonicalWriter writer)
    {
        writer.WriteDoubles(_gram);
        writer.WriteDoubles(_targets);
    }

    public static RidgeSums Read(ref CanonicalReader reader)
    {
        var gram = reader.ReadDoubles();
        var targets = reader.ReadDoubles();
        var features = (int)((Math.Sqrt((8.0 * gram.Length) + 1) - 1) / 2);
        if (features == 0 || features * (features + 1) / 2 != gram.Length || targets.Length % features != 0)
        {
            throw new InvalidDataException("sums of a regression of impossible size");
        }

        var sums = new RidgeSums(features, targets.Length / features);
        gram.CopyTo(sums._gram, 0);
        targets.CopyTo(sums._targets, 0);
        return sums;
    }
}
