using System.Numerics.Tensors;

namespace Monitoring.Statistics;

/// <summary>
/// Squared Mahalanobis distance (x − μ)ᵀ C⁻¹ (x − μ) to a frozen mean and covariance. From a reference: sample covariance
/// (ddof 1) of standardised columns plus the smallest ridge, from 0 up by powers of ten, that makes it positive definite.
/// </summary>
public sealed class Mahalanobis : IRowScorer
{
    private readonly double[] _mean;

    // L⁻¹, so that the distance is ‖L⁻¹(x − μ)‖².
    private readonly double[] _whitening;

    public Mahalanobis(ReadOnlySpan<double> reference, int columns)
    {
        var n = RowShape.CheckReference(reference, columns, 2);
        Columns = columns;
        (_mean, var scale) = ColumnMoments.MeanAndDeviation(reference, columns);
        var covariance = new double[columns * columns];
        var z = new double[columns];
        for (var i = 0; i < n; i++)
        {
            TensorPrimitives.Subtract(reference.Slice(i * columns, columns), _mean, z);
            TensorPrimitives.Divide(z, scale, z);
            for (var c = 0; c < columns; c++)
            {
                VectorKernels.AddScaled(z.AsSpan(0, c + 1), z[c] / (n - 1), covariance.AsSpan(c * columns, c + 1));
            }
        }

        double[]? factor = null;
        for (double ridge = 0; factor is null || !WellConditioned(factor, columns); ridge = ridge == 0 ? 1e-10 : ridge * 10)
        {
            Ridge = ridge;
            var regularised = (double[])covariance.Clone();
            for (var c = 0; c < columns; c++)
            {
                regularised[(c * columns) + c] += ridge;
            }

            factor = SymmetricMatrix.Cholesky(regularised, columns);
        }

        _whitening = Whitening(factor, columns);
        for (var i = 0; i < columns; i++)
        {
            TensorPrimitives.Divide(_whitening.AsSpan(i * columns, columns), scale, _whitening.AsSpan(i * columns, columns));
        }
    }

    /// <summary>From a given mean and positive definite covariance (row-major).</summary>
    /// <exception cref="ArgumentException">The covariance is not positive definite.</exception>
    public Mahalanobis(ReadOnlySpan<double> mean, ReadOnlySpan<double> covariance)
    {
        Columns = mean.Length;
        _mean = mean.ToArray();
        var factor = SymmetricMatrix.Cholesky(covariance, Columns) ?? throw new ArgumentException("the covariance is not positive definite", nameof(covariance));
        _whitening = Whitening(factor, Columns);
    }

    public int Columns { get; }

    /// <summary>What was added to the diagonal of the correlation matrix.</summary>
    public double Ridge { get; }

    public void Score(ReadOnlySpan<double> rows, Span<double> scores)
    {
        var count = RowShape.Check(rows, Columns, scores);
        var centred = new double[Columns];
        for (var i = 0; i < count; i++)
        {
            TensorPrimitives.Subtract(rows.Slice(i * Columns, Columns), _mean, centred);
            double sum = 0;
            for (var k = 0; k < Columns; k++)
            {
                var projection = TensorPrimitives.Dot<double>(centred.AsSpan(0, k + 1), _whitening.AsSpan(k * Columns, k + 1));
                sum += projection * projection;
            }

            scores[i] = sum;
        }
    }

    private static bool WellConditioned(double[] factor, int size)
    {
        for (var i = 0; i < size; i++)
        {
            if (factor[(i * size) + i] < 1e-5)
            {
                return false;
            }
        }

        return true;
    }

    private static double[] Whitening(double[] factor, int size)
    {
        var inverse = new double[size * size];
        for (var i = 0; i < size; i++)
        {
            var row = inverse.AsSpan(i * size, size);
            row[i] = 1;
            for (var j = 0; j < i; j++)
            {
                VectorKernels.AddScaled(inverse.AsSpan(j * size, j + 1), -factor[(i * size) + j], row[..(j + 1)]);
            }

            TensorPrimitives.Divide(row[..(i + 1)], factor[(i * size) + i], row[..(i + 1)]);
        }

        return inverse;
    }
}
