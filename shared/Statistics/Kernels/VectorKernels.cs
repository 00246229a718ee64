using System.Numerics;
using System.Runtime.CompilerServices;
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

    /// <summary>Rows that <see cref="AddOuterProducts"/> takes.</summary>
    public const int OuterProducts = 4;

    /// <summary>
    /// sum[r, c] += Σ_t weight[t]·row[t, r]·row[t, c] for four rows t, one after the other in every element, of the lower triangle to whole vectors of eight.
    /// </summary>
    /// <param name="rows">Four rows, each <paramref name="stride"/> long, padded with zeros.</param>
    /// <param name="weights">Four weights; 0 with a row of zeros adds nothing.</param>
    /// <param name="columns">Columns.</param>
    /// <param name="stride">A multiple of eight, at least the columns.</param>
    /// <param name="sum">columns × stride.</param>
    public static void AddOuterProducts(double[] rows, double[] weights, int columns, int stride, double[] sum)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(rows.Length, OuterProducts * stride);
        ArgumentOutOfRangeException.ThrowIfNotEqual(sum.Length, columns * stride);
        ref var row = ref MemoryMarshal.GetArrayDataReference(rows);
        ref var target = ref MemoryMarshal.GetArrayDataReference(sum);
        for (var c = 0; c < columns; c++, target = ref Unsafe.Add(ref target, stride))
        {
            var w0 = new Vector<double>(rows[c] * weights[0]);
            var w1 = new Vector<double>(rows[stride + c] * weights[1]);
            var w2 = new Vector<double>(rows[(2 * stride) + c] * weights[2]);
            var w3 = new Vector<double>(rows[(3 * stride) + c] * weights[3]);
            var length = Math.Min(stride, (c + 8) & ~7);
            for (nuint i = 0; i < (nuint)length; i += (nuint)Vector<double>.Count)
            {
                var s = Vector.LoadUnsafe(ref target, i);
                s = Vector.FusedMultiplyAdd(Vector.LoadUnsafe(ref row, i), w0, s);
                s = Vector.FusedMultiplyAdd(Vector.LoadUnsafe(ref row, (nuint)stride + i), w1, s);
                s = Vector.FusedMultiplyAdd(Vector.LoadUnsafe(ref row, (nuint)(2 * stride) + i), w2, s);
                Vector.FusedMultiplyAdd(Vector.LoadUnsafe(ref row, (nuint)(3 * stride) + i), w3, s).StoreUnsafe(ref target, i);
            }
        }
    }

    /// <summary>
    /// A[r] ← A[r]·scale − column·(column[r]/divisor), and product[r] = Σ A[r, c]·vector[c] with the new A, a row at a time: the arithmetic of <see cref="Dot"/>, in its order.
    /// </summary>
    /// <param name="matrix">rows × stride, padded with zeros; the stride is a multiple of eight.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="stride">Stride.</param>
    /// <param name="scale">Factor.</param>
    /// <param name="column">As long as the stride, padded with zeros.</param>
    /// <param name="divisor">Divisor.</param>
    /// <param name="vector">As long as the stride, padded with zeros.</param>
    /// <param name="product">As long as the stride; filled to the number of rows.</param>
    public static void UpdateAndMultiply(double[] matrix, int rows, int stride, double scale, double[] column, double divisor, double[] vector, double[] product)
    {
        if (matrix.Length < rows * stride || column.Length != stride || vector.Length != stride || product.Length != stride || stride % 8 != 0 || 8 % Vector<double>.Count != 0)
        {
            throw new ArgumentException($"{rows} rows of {stride} do not fit", nameof(stride));
        }

        var a = new Vector<double>(scale);
        ref var row = ref MemoryMarshal.GetArrayDataReference(matrix);
        ref var c = ref MemoryMarshal.GetArrayDataReference(column);
        ref var x = ref MemoryMarshal.GetArrayDataReference(vector);
        var step = (nuint)Vector<double>.Count;
        for (var r = 0; r < rows; r++, row = ref Unsafe.Add(ref row, stride))
        {
            var b = new Vector<double>(-column[r] / divisor);
            var even = Vector<double>.Zero;
            var odd = Vector<double>.Zero;
            nuint i = 0;
            for (; i + step < (nuint)stride; i += 2 * step)
            {
                var first = Vector.FusedMultiplyAdd(Vector.LoadUnsafe(ref c, i), b, Vector.LoadUnsafe(ref row, i) * a);
                var second = Vector.FusedMultiplyAdd(Vector.LoadUnsafe(ref c, i + step), b, Vector.LoadUnsafe(ref row, i + step) * a);
                first.StoreUnsafe(ref row, i);
                second.StoreUnsafe(ref row, i + step);
                even = Vector.FusedMultiplyAdd(Vector.LoadUnsafe(ref x, i), first, even);
                odd = Vector.FusedMultiplyAdd(Vector.LoadUnsafe(ref x, i + step), second, odd);
            }

            if (i < (nuint)stride)
            {
                var last = Vector.FusedMultiplyAdd(Vector.LoadUnsafe(ref c, i), b, Vector.LoadUnsafe(ref row, i) * a);
                last.StoreUnsafe(ref row, i);
                even = Vector.FusedMultiplyAdd(Vector.LoadUnsafe(ref x, i), last, even);
            }

            product[r] = Vector.Sum(even + odd);
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
