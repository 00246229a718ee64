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

    /// <summary>target[i] = target[i]·scale + values[i]·factor; lengths are equal multiples of eight.</summary>
    public static void ScaleAndAdd(Span<double> target, double scale, ReadOnlySpan<double> values, double factor)
    {
        var a = new Vector<double>(scale);
        var b = new Vector<double>(factor);
        var targets = MemoryMarshal.Cast<double, Vector<double>>(target);
        var vectors = MemoryMarshal.Cast<double, Vector<double>>(values)[..targets.Length];
        for (var i = 0; i < targets.Length; i++)
        {
            targets[i] = Vector.FusedMultiplyAdd(vectors[i], b, targets[i] * a);
        }
    }

    /// <summary>Σ a[i]·b[i], two sums at a time.</summary>
    public static double Dot(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        var left = MemoryMarshal.Cast<double, Vector<double>>(a);
        var right = MemoryMarshal.Cast<double, Vector<double>>(b)[..left.Length];
        var even = Vector<double>.Zero;
        var odd = Vector<double>.Zero;
        var i = 0;
        for (; i + 1 < left.Length; i += 2)
        {
            even = Vector.FusedMultiplyAdd(left[i], right[i], even);
            odd = Vector.FusedMultiplyAdd(left[i + 1], right[i + 1], odd);
        }

        if (i < left.Length)
        {
            even = Vector.FusedMultiplyAdd(left[i], right[i], even);
        }

        var sum = Vector.Sum(even + odd);
        for (i = left.Length * Vector<double>.Count; i < a.Length; i++)
        {
            sum += a[i] * b[i];
        }

        return sum;
    }
}
