using System.Numerics.Tensors;

namespace Monitoring.Statistics;

/// <summary>Dense symmetric matrices, row-major, in double precision.</summary>
internal static class SymmetricMatrix
{
    /// <summary>Cholesky factor L (lower triangle, row-major) of a positive definite matrix; null when it is not positive definite.</summary>
    public static double[]? Cholesky(ReadOnlySpan<double> matrix, int size)
    {
        var factor = new double[size * size];
        for (var i = 0; i < size; i++)
        {
            for (var j = 0; j <= i; j++)
            {
                var sum = matrix[(i * size) + j]
                    - TensorPrimitives.Dot<double>(factor.AsSpan(i * size, j), factor.AsSpan(j * size, j));
                if (i != j)
                {
                    factor[(i * size) + j] = sum / factor[(j * size) + j];
                }
                else if (sum > 0)
                {
                    factor[(i * size) + i] = Math.Sqrt(sum);
                }
                else
                {
                    return null;
                }
            }
        }

        return factor;
    }

    /// <summary>Determinant from the Cholesky factor; 0 where the matrix is not positive definite.</summary>
    public static double Determinant(double[]? cholesky, int size)
    {
        double determinant = cholesky is null ? 0 : 1;
        for (var i = 0; i < size && cholesky is not null; i++)
        {
            determinant *= cholesky[(i * size) + i] * cholesky[(i * size) + i];
        }

        return determinant;
    }

    /// <summary>Inverse of L Lᵀ.</summary>
    public static double[] Inverse(double[] cholesky, int size)
    {
        // Rows of L⁻¹, then A⁻¹ = L⁻ᵀ L⁻¹.
        var lower = new double[size * size];
        for (var i = 0; i < size; i++)
        {
            var row = lower.AsSpan(i * size, size);
            row[i] = 1;
            for (var j = 0; j < i; j++)
            {
                var factor = cholesky[(i * size) + j];
                for (var c = 0; c <= j; c++)
                {
                    row[c] -= factor * lower[(j * size) + c];
                }
            }

            var diagonal = cholesky[(i * size) + i];
            for (var c = 0; c <= i; c++)
            {
                row[c] /= diagonal;
            }
        }

        var inverse = new double[size * size];
        for (var k = 0; k < size; k++)
        {
            for (var i = 0; i <= k; i++)
            {
                var factor = lower[(k * size) + i];
                for (var j = 0; j <= k; j++)
                {
                    inverse[(i * size) + j] += factor * lower[(k * size) + j];
                }
            }
        }

        return inverse;
    }

    /// <summary>Eigenvalues, descending, and unit eigenvectors (one a row) by cyclic Jacobi rotations. Signs: the largest component is positive.</summary>
    public static (double[] Values, double[] Vectors) Eigen(ReadOnlySpan<double> matrix, int size)
    {
        var a = matrix.ToArray();
        var v = new double[size * size];
        for (var i = 0; i < size; i++)
        {
            v[(i * size) + i] = 1;
        }

        for (var sweep = 0; sweep < 60; sweep++)
        {
            double off = 0, diagonal = 0;
            for (var i = 0; i < size; i++)
            {
                diagonal += a[(i * size) + i] * a[(i * size) + i];
                for (var j = i + 1; j < size; j++)
                {
                    off += a[(i * size) + j] * a[(i * size) + j];
                }
            }

            if (off <= 1e-30 * (diagonal + off) || off == 0)
            {
                break;
            }

            for (var p = 0; p < size - 1; p++)
            {
                for (var q = p + 1; q < size; q++)
                {
                    Rotate(a, v, size, p, q);
                }
            }
        }

        var order = Enumerable.Range(0, size).OrderByDescending(i => a[(i * size) + i]).ToArray();
        var values = new double[size];
        var vectors = new double[size * size];
        for (var i = 0; i < size; i++)
        {
            values[i] = a[(order[i] * size) + order[i]];
            var row = v.AsSpan(order[i] * size, size);
            var sign = TensorPrimitives.MaxMagnitude<double>(row) < 0 ? -1 : 1;
            TensorPrimitives.Multiply(row, sign, vectors.AsSpan(i * size, size));
        }

        return (values, vectors);
    }

    private static void Rotate(double[] a, double[] v, int size, int p, int q)
    {
        var apq = a[(p * size) + q];
        if (apq == 0)
        {
            return;
        }

        var theta = (a[(q * size) + q] - a[(p * size) + p]) / (2 * apq);
        var t = (theta >= 0 ? 1 : -1) / (Math.Abs(theta) + Math.Sqrt((theta * theta) + 1));
        var c = 1 / Math.Sqrt((t * t) + 1);
        var s = t * c;
        for (var k = 0; k < size; k++)
        {
            var kp = a[(k * size) + p];
            var kq = a[(k * size) + q];
            a[(k * size) + p] = (c * kp) - (s * kq);
            a[(k * size) + q] = (s * kp) + (c * kq);
        }

        RotateRows(a, size, p, q, c, s);
        RotateRows(v, size, p, q, c, s);
        a[(p * size) + q] = 0;
        a[(q * size) + p] = 0;
    }

    private static void RotateRows(double[] m, int size, int p, int q, double c, double s)
    {
        var rowP = m.AsSpan(p * size, size);
        var rowQ = m.AsSpan(q * size, size);
        for (var k = 0; k < size; k++)
        {
            var x = rowP[k];
            var y = rowQ[k];
            rowP[k] = (c * x) - (s * y);
            rowQ[k] = (s * x) + (c * y);
        }
    }
}
