using System.Numerics.Tensors;

namespace Monitoring.Explainer;

/// <summary>Solves symmetric positive definite systems.</summary>
internal static class Cholesky
{
    /// <summary>Replaces B by A⁻¹B.</summary>
    /// <param name="a">m × m, symmetric positive definite; overwritten by its factor.</param>
    /// <param name="m">Size.</param>
    /// <param name="b">m × n, row-major.</param>
    /// <param name="n">Columns of <paramref name="b"/>.</param>
    /// <exception cref="InvalidOperationException">A is not positive definite.</exception>
    public static void SolveInPlace(double[] a, int m, double[] b, int n)
    {
        for (var i = 0; i < m; i++)
        {
            for (var j = 0; j <= i; j++)
            {
                var sum = a[(i * m) + j] - TensorPrimitives.Dot(a.AsSpan(i * m, j), a.AsSpan(j * m, j));
                if (i != j)
                {
                    a[(i * m) + j] = sum / a[(j * m) + j];
                }
                else if (sum > 0)
                {
                    a[(i * m) + i] = Math.Sqrt(sum);
                }
                else
                {
                    throw new InvalidOperationException("the sampled coalitions do not determine all groups: use more samples");
                }
            }
        }

        for (var i = 0; i < m; i++)
        {
            var row = b.AsSpan(i * n, n);
            for (var j = 0; j < i; j++)
            {
                TensorPrimitives.MultiplyAdd(b.AsSpan(j * n, n), -a[(i * m) + j], row, row);
            }

            TensorPrimitives.Divide(row, a[(i * m) + i], row);
        }

        for (var i = m - 1; i >= 0; i--)
        {
            var row = b.AsSpan(i * n, n);
            for (var j = i + 1; j < m; j++)
            {
                TensorPrimitives.MultiplyAdd(b.AsSpan(j * n, n), -a[(j * m) + i], row, row);
            }

            TensorPrimitives.Divide(row, a[(i * m) + i], row);
        }
    }
}
