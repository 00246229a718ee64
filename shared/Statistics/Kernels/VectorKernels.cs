using System.Numerics;
using System.Runtime.InteropServices;

namespace Monitoring.Statistics;

/// <summary>Fused inner loops that System.Numerics.Tensors does not have.</summary>
internal static class VectorKernels
{
    /// <summary>sum[i] += (values[i] − value)².</summary>
    public static void AddSquaredDifference(ReadOnlySpan<double> values, double value, Span<double> sum)
    {
        var i = 0;
        var center = new Vector<double>(value);
        var vectors = MemoryMarshal.Cast<double, Vector<double>>(values);
        var sums = MemoryMarshal.Cast<double, Vector<double>>(sum)[..vectors.Length];
        for (; i < vectors.Length; i++)
        {
            var difference = vectors[i] - center;
            sums[i] = Vector.FusedMultiplyAdd(difference, difference, sums[i]);
        }

        for (i *= Vector<double>.Count; i < values.Length; i++)
        {
            var difference = values[i] - value;
            sum[i] += difference * difference;
        }
    }

    /// <summary>target[i] += factor·values[i].</summary>
    public static void AddScaled(ReadOnlySpan<double> values, double factor, Span<double> target)
    {
        var i = 0;
        var scale = new Vector<double>(factor);
        var vectors = MemoryMarshal.Cast<double, Vector<double>>(values);
        var targets = MemoryMarshal.Cast<double, Vector<double>>(target)[..vectors.Length];
        for (; i < vectors.Length; i++)
        {
            targets[i] = Vector.FusedMultiplyAdd(vectors[i], scale, targets[i]);
        }

        for (i *= Vector<double>.Count; i < values.Length; i++)
        {
            target[i] += factor * values[i];
        }
    }
}
