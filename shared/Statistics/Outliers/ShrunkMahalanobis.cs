using System.Numerics.Tensors;

namespace Monitoring.Statistics;

/// <summary>
/// Squared Mahalanobis distance to a reference in the metric of its standardised covariance, shrunk towards a multiple of the identity as far as the rows at hand cannot tell
/// the two apart (Ledoit, Wolf, A well-conditioned estimator for large-dimensional covariance matrices, 2004): it needs no more rows than columns, and a column that was constant keeps a finite scale.
/// </summary>
public sealed class ShrunkMahalanobis : ILeaveOneOutScorer
{
    // Below, the row alone holds its direction up: as unusual as can be told.
    private const double SmallestRest = 1e-6;
    private readonly Mahalanobis _distance;

    /// <param name="reference">At least two finite rows.</param>
    public ShrunkMahalanobis(ReadOnlySpan<double> reference, int columns)
    {
        var n = RowShape.CheckReference(reference, columns, 2);
        var (mean, scale) = ColumnMoments.MeanAndDeviation(reference, columns);
        var covariance = new double[columns * columns];
        var z = new double[columns];
        var fourth = 0.0;
        for (var i = 0; i < n; i++)
        {
            TensorPrimitives.Subtract(reference.Slice(i * columns, columns), mean, z);
            TensorPrimitives.Divide(z, scale, z);
            var square = TensorPrimitives.Dot<double>(z, z);
            fourth += square * square / n;
            for (var c = 0; c < columns; c++)
            {
                VectorKernels.AddScaled(z.AsSpan(0, c + 1), z[c] / n, covariance.AsSpan(c * columns, c + 1));
            }
        }

        double trace = 0, norm = 0;
        for (var c = 0; c < columns; c++)
        {
            trace += covariance[(c * columns) + c];
            var below = covariance.AsSpan(c * columns, c);
            norm += (2 * TensorPrimitives.Dot<double>(below, below)) + (covariance[(c * columns) + c] * covariance[(c * columns) + c]);
        }

        // |S − mI|² and the part of it that is the rows' own noise. All columns constant: any multiple of the identity will do.
        var identity = trace > 0 ? trace / columns : 1;
        var departure = norm - (trace * trace / columns);
        Shrinkage = departure > 0 ? Math.Clamp((fourth - norm) / n / departure, 0, 1) : 1;
        for (var c = 0; c < columns; c++)
        {
            for (var o = 0; o <= c; o++)
            {
                var value = ((1 - Shrinkage) * covariance[(c * columns) + o]) + (o == c ? identity * Math.Max(Shrinkage, 1e-9) : 0);
                covariance[(c * columns) + o] = covariance[(o * columns) + c] = value * scale[c] * scale[o];
            }
        }

        _distance = new Mahalanobis(mean, covariance);
        ReferenceScores = new double[n];
        _distance.Score(reference, ReferenceScores);

        // Without row i the mean lies n/(n − 1) times as far and the covariance lacks (1 − ρ)·n/(n − 1)²·zzᵀ (Sherman, Morrison 1950; shrinkage and what is of order 1/n held fixed).
        double farther = (double)n / (n - 1), share = (1 - Shrinkage) * n / ((n - 1.0) * (n - 1));
        for (var i = 0; i < n; i++)
        {
            ReferenceScores[i] *= farther * farther / Math.Max(SmallestRest, 1 - (share * ReferenceScores[i]));
        }
    }

    public int Columns => _distance.Columns;

    /// <summary>How much of the metric is the identity's: 0 to 1.</summary>
    public double Shrinkage { get; }

    public double[] ReferenceScores { get; }

    public void Score(ReadOnlySpan<double> rows, Span<double> scores) => _distance.Score(rows, scores);
}
