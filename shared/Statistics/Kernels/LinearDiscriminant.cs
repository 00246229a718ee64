using System.Numerics.Tensors;

namespace Monitoring.Statistics;

/// <summary>
/// Fisher's linear discriminant between two samples of equal covariance, with the covariance of a reference shrunk as Ledoit and Wolf
/// (J. Multivariate Analysis 2004) choose: no parameter. The direction of a difference of means δ is Σ⁻¹δ.
/// </summary>
public sealed class LinearDiscriminant
{
    private readonly int _columns;
    private readonly double[]? _inverse;

    /// <param name="rows">Reference rows, at least two, finite, row-major.</param>
    public LinearDiscriminant(ReadOnlySpan<float> rows, int columns)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(columns, 1);
        _columns = columns;
        var n = rows.Length / columns;
        ArgumentOutOfRangeException.ThrowIfLessThan(n, 2);
        var mean = new double[columns];
        for (var i = 0; i < rows.Length; i++)
        {
            mean[i % columns] += (double)rows[i] / n;
        }

        var covariance = new double[columns * columns];
        var z = new double[columns];
        double fourth = 0;
        for (var r = 0; r < n; r++)
        {
            for (var c = 0; c < columns; c++)
            {
                z[c] = rows[(r * columns) + c] - mean[c];
            }

            var square = TensorPrimitives.Dot<double>(z, z);
            fourth += square * square;
            for (var c = 0; c < columns; c++)
            {
                VectorKernels.AddScaled(z.AsSpan(0, c + 1), z[c] / n, covariance.AsSpan(c * columns, c + 1));
            }
        }

        double trace = 0, norm = 0;
        for (var i = 0; i < columns; i++)
        {
            trace += covariance[(i * columns) + i];
            for (var j = 0; j < i; j++)
            {
                covariance[(j * columns) + i] = covariance[(i * columns) + j];
            }
        }

        norm = TensorPrimitives.Dot<double>(covariance, covariance);
        var typical = trace / columns;
        if (!(typical > 0))
        {
            return;
        }

        // ‖S − μI‖² and the mean ‖xxᵀ − S‖²/n of the paper's lemma 3.2 and 3.4.
        var spread = Math.Max(0, norm - (columns * typical * typical));
        var noise = Math.Max(0, ((fourth / n) - norm) / n);
        Shrinkage = spread > 0 ? Math.Clamp(noise / spread, 1e-6, 1) : 1;
        for (var i = 0; i < covariance.Length; i++)
        {
            covariance[i] *= 1 - Shrinkage;
        }

        for (var i = 0; i < columns; i++)
        {
            covariance[(i * columns) + i] += Shrinkage * typical;
        }

        _inverse = SymmetricMatrix.Cholesky(covariance, columns) is { } factor ? SymmetricMatrix.Inverse(factor, columns) : null;
    }

    /// <summary>Weight of the scaled identity in the covariance, in [0, 1].</summary>
    public double Shrinkage { get; }

    /// <summary>Σ⁻¹δ; δ itself where the reference is constant.</summary>
    public double[] Direction(ReadOnlySpan<double> difference)
    {
        if (_inverse is null)
        {
            return difference.ToArray();
        }

        var result = new double[_columns];
        for (var i = 0; i < _columns; i++)
        {
            result[i] = TensorPrimitives.Dot(_inverse.AsSpan(i * _columns, _columns), difference);
        }

        return result;
    }
}
