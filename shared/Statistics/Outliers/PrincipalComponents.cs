using System.Numerics.Tensors;

namespace Monitoring.Statistics;

/// <summary>
/// Principal components of standardised columns (population standard deviation). The score is Shyu et al.'s (2003)
/// Σ_k (z·v_k)²/λ_k over components with λ_k above <c>1e-10</c> of the largest: it does not depend on the components' signs. With fewer rows
/// than columns the components come from the rows' products (the same ones; the rest has no variance).
/// </summary>
public sealed class PrincipalComponents : IRowScorer
{
    private readonly double[] _mean;
    private readonly double[] _scale;
    private readonly double[] _weighted;
    private readonly int _kept;

    /// <param name="components">Components to keep; null for all.</param>
    public PrincipalComponents(ReadOnlySpan<double> reference, int columns, int? components = null)
    {
        var n = RowShape.CheckReference(reference, columns, 2);
        Columns = columns;
        (_mean, _scale) = ColumnMoments.MeanAndDeviation(reference, columns);
        var (values, vectors) = n < columns ? FromProducts(reference, n) : FromCovariance(reference, n);
        _kept = values.Take(components ?? values.Length).Count(v => v > values[0] * 1e-10 && v > 0);
        _weighted = vectors[..(_kept * columns)];
        for (var k = 0; k < _kept; k++)
        {
            var row = _weighted.AsSpan(k * columns, columns);
            TensorPrimitives.Divide(row, Math.Sqrt(values[k]), row);
        }

        var total = values.Sum();
        ExplainedVarianceRatio = total > 0 ? [.. values.Select(v => v / total)] : values;
        Components = vectors;
    }

    public int Columns { get; }

    /// <summary>Share of the variance along each component, descending.</summary>
    public double[] ExplainedVarianceRatio { get; }

    /// <summary>Unit components, one a row; the largest entry of each is positive.</summary>
    public double[] Components { get; }

    public void Score(ReadOnlySpan<double> rows, Span<double> scores)
    {
        var count = RowShape.Check(rows, Columns, scores);
        var z = new double[Columns];
        for (var i = 0; i < count; i++)
        {
            Standardise(rows.Slice(i * Columns, Columns), z);
            double sum = 0;
            for (var k = 0; k < _kept; k++)
            {
                var projection = TensorPrimitives.Dot<double>(z, _weighted.AsSpan(k * Columns, Columns));
                sum += projection * projection;
            }

            scores[i] = sum;
        }
    }

    /// <summary>
    /// PyOD's score of one standardised row for given components: Σ_k ‖z − v_k‖/r_k, with r_k the explained variance
    /// ratios. Kept for comparison; it depends on the sign each v_k happens to have.
    /// </summary>
    public static double DistanceToComponents(ReadOnlySpan<double> z, ReadOnlySpan<double> components, ReadOnlySpan<double> explainedVarianceRatio)
    {
        double sum = 0;
        for (var k = 0; k < explainedVarianceRatio.Length; k++)
        {
            sum += TensorPrimitives.Distance(z, components.Slice(k * z.Length, z.Length)) / explainedVarianceRatio[k];
        }

        return sum;
    }

    private (double[] Values, double[] Vectors) FromCovariance(ReadOnlySpan<double> reference, int n)
    {
        var covariance = new double[Columns * Columns];
        var z = new double[Columns];
        for (var i = 0; i < n; i++)
        {
            Standardise(reference.Slice(i * Columns, Columns), z);
            for (var c = 0; c < Columns; c++)
            {
                VectorKernels.AddScaled(z, z[c] / (n - 1), covariance.AsSpan(c * Columns, Columns));
            }
        }

        return SymmetricMatrix.Eigen(covariance, Columns);
    }

    // ZZᵀ/(n − 1) = UΛUᵀ has the covariance's eigenvalues; its components are Zᵀu/‖Zᵀu‖.
    private (double[] Values, double[] Vectors) FromProducts(ReadOnlySpan<double> reference, int n)
    {
        var z = new double[n * Columns];
        var products = new double[n * n];
        for (var i = 0; i < n; i++)
        {
            Standardise(reference.Slice(i * Columns, Columns), z.AsSpan(i * Columns, Columns));
            for (var j = 0; j <= i; j++)
            {
                products[(i * n) + j] = products[(j * n) + i] = TensorPrimitives.Dot<double>(z.AsSpan(i * Columns, Columns), z.AsSpan(j * Columns, Columns)) / (n - 1);
            }
        }

        var (values, rows) = SymmetricMatrix.Eigen(products, n);
        var vectors = new double[n * Columns];
        for (var k = 0; k < n; k++)
        {
            var vector = vectors.AsSpan(k * Columns, Columns);
            for (var i = 0; i < n; i++)
            {
                VectorKernels.AddScaled(z.AsSpan(i * Columns, Columns), rows[(k * n) + i], vector);
            }

            var norm = TensorPrimitives.Norm<double>(vector);
            if (norm > 0)
            {
                TensorPrimitives.Divide(vector, TensorPrimitives.MaxMagnitude<double>(vector) < 0 ? -norm : norm, vector);
            }
        }

        return (values, vectors);
    }

    private void Standardise(ReadOnlySpan<double> row, Span<double> z)
    {
        TensorPrimitives.Subtract(row, _mean, z);
        TensorPrimitives.Divide(z, _scale, z);
    }
}
