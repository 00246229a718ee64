using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

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

    /// <summary>product = Σ_r weights[r]·(row r of the matrix); rows of <paramref name="stride"/> numbers, a multiple of eight.</summary>
    public static void Combine(ReadOnlySpan<double> matrix, int stride, ReadOnlySpan<double> weights, Span<double> product)
    {
        var rows = MemoryMarshal.Cast<double, Vector512<double>>(matrix);
        var sums = MemoryMarshal.Cast<double, Vector512<double>>(product);
        var width = stride / 8;
        for (var first = 0; first < width; first += 4)
        {
            var count = Math.Min(4, width - first);
            Vector512<double> a = default, b = default, c = default, d = default;
            for (var r = 0; r < weights.Length; r++)
            {
                var weight = Vector512.Create(weights[r]);
                var row = rows.Slice((r * width) + first, count);
                a = Vector512.FusedMultiplyAdd(row[0], weight, a);
                b = count > 1 ? Vector512.FusedMultiplyAdd(row[1], weight, b) : b;
                c = count > 2 ? Vector512.FusedMultiplyAdd(row[2], weight, c) : c;
                d = count > 3 ? Vector512.FusedMultiplyAdd(row[3], weight, d) : d;
            }

            Store(sums.Slice(first, count), a, b, c, d);
        }
    }

    /// <summary>Row r of the matrix becomes scale·row + factors[r]·values; product = Σ_r weights[r]·(the new row r).</summary>
    public static void UpdateAndCombine(Span<double> matrix, int stride, double scale, ReadOnlySpan<double> factors, ReadOnlySpan<double> values, ReadOnlySpan<double> weights, Span<double> product)
    {
        var rows = MemoryMarshal.Cast<double, Vector512<double>>(matrix);
        var added = MemoryMarshal.Cast<double, Vector512<double>>(values);
        var sums = MemoryMarshal.Cast<double, Vector512<double>>(product);
        var scaling = Vector512.Create(scale);
        var width = stride / 8;
        for (var first = 0; first < width; first += 4)
        {
            var count = Math.Min(4, width - first);
            Vector512<double> a = default, b = default, c = default, d = default;
            for (var r = 0; r < weights.Length; r++)
            {
                var weight = Vector512.Create(weights[r]);
                var factor = Vector512.Create(factors[r]);
                var row = rows.Slice((r * width) + first, count);
                row[0] = Vector512.FusedMultiplyAdd(added[first], factor, row[0] * scaling);
                a = Vector512.FusedMultiplyAdd(row[0], weight, a);
                if (count > 1)
                {
                    row[1] = Vector512.FusedMultiplyAdd(added[first + 1], factor, row[1] * scaling);
                    b = Vector512.FusedMultiplyAdd(row[1], weight, b);
                }

                if (count > 2)
                {
                    row[2] = Vector512.FusedMultiplyAdd(added[first + 2], factor, row[2] * scaling);
                    c = Vector512.FusedMultiplyAdd(row[2], weight, c);
                }

                if (count > 3)
                {
                    row[3] = Vector512.FusedMultiplyAdd(added[first + 3], factor, row[3] * scaling);
                    d = Vector512.FusedMultiplyAdd(row[3], weight, d);
                }
            }

            Store(sums.Slice(first, count), a, b, c, d);
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

    private static void Store(Span<Vector512<double>> target, Vector512<double> a, Vector512<double> b, Vector512<double> c, Vector512<double> d)
    {
        target[0] = a;
        if (target.Length > 1)
        {
            target[1] = b;
        }

        if (target.Length > 2)
        {
            target[2] = c;
        }

        if (target.Length > 3)
        {
            target[3] = d;
        }
    }
}
