using System.Numerics.Tensors;

namespace Monitoring.Statistics;

/// <summary>
/// Principal components of standardised columns (population standard deviation). The score is Shyu et al.'s (2003)
/// Σ_k (z·v_k)²/λ_k over components with λ_k above <c>1e-10</c> of the largest: it does not depend on the components' signs.
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
        var covariance = new double[columns * columns];
        var z = new double[columns];
        for (var i = 0; i < n; i++)
        {
            Standardise(reference.Slice(i * columns, columns), z);
            for (var c = 0; c < columns; c++)
            {
                VectorKernels.AddScaled(z, z[c] / (n - 1), covariance.AsSpan(c * columns, columns));
            }
        }

        var (values, vectors) = SymmetricMatrix.Eigen(covariance, columns);
        _kept = values.Take(components ?? columns).Count(v => v > values[0] * 1e-10 && v > 0);
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

    private void Standardise(ReadOnlySpan<double> row, Span<double> z)
    {
        TensorPrimitives.Subtract(row, _mean, z);
        TensorPrimitives.Divide(z, _scale, z);
    }
}
