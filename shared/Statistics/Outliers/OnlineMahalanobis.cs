using System.Numerics.Tensors;

namespace Monitoring.Statistics;

/// <summary>
/// Mahalanobis distance to a mean and covariance that learn from every row they score, each row judged by the rows before
/// it. After <c>startClip</c> rows, what is learned (not what is scored) is clipped at <c>clip</c> standard deviations. The
/// inverse covariance follows by the Sherman-Morrison formula, O(d²) a row. Rows score 0 until the determinant of the
/// (projected) covariance exceeds 1e-8. With fewer components than columns, rows are projected on the leading principal
/// components of the covariance including the batch.
/// </summary>
public sealed class OnlineMahalanobis(int columns, int? components = null, double clip = 3, int startClip = 100)
{
    private const double MinimumDeterminant = 1e-8;

    /// <summary>Rows whose outer products are added in one pass.</summary>
    private const int Together = VectorKernels.OuterProducts;
    private readonly int _components = Math.Min(components ?? columns, columns);
    private readonly double[] _mean = new double[columns];
    private readonly double[] _low = new double[columns];
    private readonly double[] _high = new double[columns];
    private double[] _covariance = new double[columns * columns];
    private long _count;

    /// <summary>Rows learned from.</summary>
    public long Count => _count;

    public ReadOnlySpan<double> Mean => _mean;

    /// <summary>Covariance learned so far, row-major.</summary>
    public ReadOnlySpan<double> Covariance => _covariance;

    /// <summary>Scores a batch of finite rows in order and learns from it. Not safe to call from several threads.</summary>
    public void Score(ReadOnlySpan<double> rows, Span<double> scores)
    {
        var rowCount = RowShape.Check(rows, columns, scores);
        if (rowCount == 0)
        {
            return;
        }

        // Deviations of the (clipped) rows from the mean of all rows before them, and of the raw rows.
        var learned = GC.AllocateUninitializedArray<double>(rows.Length);
        var scored = GC.AllocateUninitializedArray<double>(rows.Length);
        var mean = (double[])_mean.Clone();
        var next = new double[columns * columns];
        var clipping = _count > startClip;
        var divisor = _count + Math.Max(1, rowCount - 1);
        VectorKernels.AddScaled(_covariance, (double)(_count - 1) / divisor, next);
        var stride = (columns + 7) & ~7;
        var padded = new double[Together * stride];
        var weights = new double[Together];
        var sum = new double[columns * stride];
        var waiting = 0;
        for (var i = 0; i < rowCount; i++)
        {
            var row = rows.Slice(i * columns, columns);
            var clipped = learned.AsSpan(i * columns, columns);
            row.CopyTo(clipped);
            if (clipping)
            {
                TensorPrimitives.Max(clipped, _low, clipped);
                TensorPrimitives.Min(clipped, _high, clipped);
            }

            TensorPrimitives.Subtract(row, mean, scored.AsSpan(i * columns, columns));
            TensorPrimitives.Subtract(clipped, mean, clipped);
            var before = (double)(_count + i);
            weights[waiting] = before / (before + 1) / divisor;
            clipped.CopyTo(padded.AsSpan(waiting * stride));
            if (++waiting == Together || i == rowCount - 1)
            {
                // The sum is read and written once for some rows; every element takes them in their order.
                padded.AsSpan(waiting * stride).Clear();
                weights.AsSpan(waiting).Clear();
                VectorKernels.AddOuterProducts(padded, weights, columns, stride, sum);
                waiting = 0;
            }

            VectorKernels.AddScaled(clipped, 1 / (before + 1), mean);
        }

        for (var r = 0; r < columns; r++)
        {
            for (var c = 0; c <= r; c++)
            {
                next[(r * columns) + c] += sum[(r * stride) + c];
                next[(c * columns) + r] = next[(r * columns) + c];
            }
        }

        ScoreProjected(learned, scored, scores, _components == columns ? null : SymmetricMatrix.Eigen(next, columns).Vectors);
        _covariance = next;
        mean.CopyTo(_mean, 0);
        _count += rowCount;
        for (var c = 0; c < columns; c++)
        {
            var deviation = Math.Sqrt(Math.Max(0, _covariance[(c * columns) + c]));
            _low[c] = _mean[c] - (clip * deviation);
            _high[c] = _mean[c] + (clip * deviation);
        }
    }

    private void ScoreProjected(double[] learned, double[] scored, Span<double> scores, double[]? basis)
    {
        var d = _components;

        // Rows padded to whole vectors: a quarter of the time at 30 columns.
        var stride = (d + 7) & ~7;
        var covariance = basis is null ? (double[])_covariance.Clone() : Project(basis);
        double[]? inverse = null;
        var previous = new double[stride];
        var current = new double[stride];
        var product = new double[stride];
        var next = new double[stride];
        var known = false;
        for (var i = 0; i < scores.Length; i++)
        {
            var before = (double)(_count + i);
            if (inverse is not null)
            {
                // C of the rows before this one = (t−2)/(t−1)·C_before + b bᵀ/t, inverted. A row that was not clipped has its product from when it was scored.
                var scale = (before - 1) / (before - 2);
                if (!known)
                {
                    SymmetricProduct(inverse, previous, product, d);
                }

                TensorPrimitives.Multiply(product, scale, product);
                var denominator = before + TensorPrimitives.Dot<double>(previous, product);

                // The inverse goes by once: a row of it is updated and multiplied with the deviation that is scored next.
                Coordinates(learned.AsSpan(i * columns, columns), basis, previous.AsSpan(0, d));
                Coordinates(scored.AsSpan(i * columns, columns), basis, current.AsSpan(0, d));
                VectorKernels.UpdateAndMultiply(inverse, d, stride, scale, product, denominator, current, next);
                (product, next) = (next, product);
                scores[i] = Math.Max(0, TensorPrimitives.Dot<double>(current, product));
                known = current.AsSpan().SequenceEqual(previous);
                continue;
            }

            if (SymmetricMatrix.Cholesky(covariance, d) is { } factor && SymmetricMatrix.Determinant(factor, d) > MinimumDeterminant)
            {
                var dense = SymmetricMatrix.Inverse(factor, d);
                inverse = new double[d * stride];
                for (var r = 0; r < d; r++)
                {
                    dense.AsSpan(r * d, d).CopyTo(inverse.AsSpan(r * stride));
                }
            }

            Coordinates(learned.AsSpan(i * columns, columns), basis, previous.AsSpan(0, d));
            if (inverse is null)
            {
                scores[i] = 0;
                if (before > 0)
                {
                    TensorPrimitives.Multiply(covariance, (before - 1) / before, covariance);
                    for (var r = 0; r < d; r++)
                    {
                        VectorKernels.AddScaled(previous.AsSpan(0, d), previous[r] / (before + 1), covariance.AsSpan(r * d, d));
                    }
                }

                continue;
            }

            Coordinates(scored.AsSpan(i * columns, columns), basis, current.AsSpan(0, d));
            SymmetricProduct(inverse, current, product, d);
            scores[i] = Math.Max(0, TensorPrimitives.Dot<double>(current, product));
            known = current.AsSpan().SequenceEqual(previous);
        }
    }

    private void Coordinates(ReadOnlySpan<double> deviation, double[]? basis, Span<double> target)
    {
        if (basis is null)
        {
            deviation.CopyTo(target);
            return;
        }

        for (var k = 0; k < target.Length; k++)
        {
            target[k] = TensorPrimitives.Dot(deviation, basis.AsSpan(k * columns, columns));
        }
    }

    private double[] Project(double[] basis)
    {
        var result = new double[_components * _components];
        var image = new double[columns];
        for (var k = 0; k < _components; k++)
        {
            SymmetricProduct(_covariance, basis.AsSpan(k * columns, columns), image, columns);
            for (var j = 0; j < _components; j++)
            {
                result[(k * _components) + j] = TensorPrimitives.Dot<double>(image, basis.AsSpan(j * columns, columns));
            }
        }

        return result;
    }

    private static void SymmetricProduct(double[] matrix, ReadOnlySpan<double> vector, Span<double> product, int rows)
    {
        for (var r = 0; r < rows; r++)
        {
            product[r] = VectorKernels.Dot(vector, matrix.AsSpan(r * vector.Length, vector.Length));
        }
    }
}
