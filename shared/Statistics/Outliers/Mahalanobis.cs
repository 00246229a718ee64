using System.Numerics.Tensors;

namespace Monitoring.Statistics;

/// <summary>
/// Squared Mahalanobis distance (x − μ)ᵀ C⁻¹ (x − μ) to a frozen mean and covariance. From a reference: sample covariance
/// (ddof 1) of standardised columns plus the smallest ridge, from 0 up by powers of ten, that makes it positive definite. With more than a thousand
/// columns and fewer rows than those, the same distance with a ridge of 1e-6 in the space of the rows (Woodbury's identity): no d × d matrix.
/// </summary>
public sealed class Mahalanobis : IRowScorer
{
    private const int WideColumns = 1_000;
    private const double WideRidge = 1e-6;
    private readonly double[] _mean;

    // Rows standardised and divided by √(n − 1), with the whitening of ρI + XXᵀ; empty where the covariance itself is used.
    private readonly double[] _scaled = [];
    private readonly double[] _scale = [];
    private readonly int _rows;

    // L⁻¹, so that the distance is ‖L⁻¹(x − μ)‖².
    private readonly double[] _whitening;

    public Mahalanobis(ReadOnlySpan<double> reference, int columns)
    {
        var n = RowShape.CheckReference(reference, columns, 2);
        Columns = columns;
        (_mean, var scale) = ColumnMoments.MeanAndDeviation(reference, columns);
        if (columns > WideColumns && n < columns)
        {
            (_rows, _scale, Ridge) = (n, scale, WideRidge);
            _scaled = new double[n * columns];
            var gram = new double[n * n];
            for (var i = 0; i < n; i++)
            {
                var row = _scaled.AsSpan(i * columns, columns);
                TensorPrimitives.Subtract(reference.Slice(i * columns, columns), _mean, row);
                TensorPrimitives.Divide(row, scale, row);
                TensorPrimitives.Divide(row, Math.Sqrt(n - 1), row);
                for (var j = 0; j <= i; j++)
                {
                    gram[(i * n) + j] = gram[(j * n) + i] = TensorPrimitives.Dot<double>(row, _scaled.AsSpan(j * columns, columns)) + (i == j ? WideRidge : 0);
                }
            }

            // ρ > 0 on the diagonal of a Gram matrix: positive definite but for rounding, which a larger ridge takes.
            double[]? dual = null;
            for (var extra = 0.0; dual is null; extra = extra == 0 ? 1e-9 * Math.Max(1, gram[0]) : extra * 10)
            {
                for (var i = 0; i < n && extra > 0; i++)
                {
                    gram[(i * n) + i] += extra;
                }

                dual = SymmetricMatrix.Cholesky(gram, n);
            }

            _whitening = Whitening(dual, n);
            return;
        }

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
            if (_rows > 0)
            {
                scores[i] = ScoreWide(centred);
                continue;
            }

            double sum = 0;
            for (var k = 0; k < Columns; k++)
            {
                var projection = TensorPrimitives.Dot<double>(centred.AsSpan(0, k + 1), _whitening.AsSpan(k * Columns, k + 1));
                sum += projection * projection;
            }

            scores[i] = sum;
        }
    }

    // zᵀ(ρI + XᵀX)⁻¹z = (‖z‖² − ‖L⁻¹Xz‖²)/ρ, LLᵀ = ρI + XXᵀ.
    private double ScoreWide(double[] z)
    {
        TensorPrimitives.Divide(z, _scale, z);
        var products = new double[_rows];
        for (var r = 0; r < _rows; r++)
        {
            products[r] = TensorPrimitives.Dot<double>(z, _scaled.AsSpan(r * Columns, Columns));
        }

        var explained = 0.0;
        for (var k = 0; k < _rows; k++)
        {
            var projection = TensorPrimitives.Dot<double>(products.AsSpan(0, k + 1), _whitening.AsSpan(k * _rows, k + 1));
            explained += projection * projection;
        }

        return Math.Max(0, TensorPrimitives.Dot<double>(z, z) - explained) / WideRidge;
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
