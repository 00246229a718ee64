using System.Numerics.Tensors;

namespace Monitoring.Statistics;

/// <summary>
/// The least-squares density difference (Bu, Alippi and Zhao 2017) between a reference and a window: L = hᵀ(2H_λ⁻¹ − H_λ⁻¹HH_λ⁻¹)h
/// with h = mean k(reference, c) − mean k(window, c) over b kernel centres c taken from the reference, H the Gram matrix of
/// the centres at √2σ. Rows are standardised by the reference. p by permutation.
/// </summary>
public sealed class LeastSquaresDensityDifference
{
    private readonly int _columns;
    private readonly double[] _mean;
    private readonly double[] _scale;
    private readonly double[] _centres;
    private readonly double[] _gram;
    private readonly double[] _referenceKernel;

    /// <param name="reference">Rows, at least two.</param>
    /// <param name="centreRows">Row indices of the kernel centres.</param>
    /// <param name="otherRows">The remaining reference rows, in the order permutations refer to; the centres take no part in h.</param>
    /// <param name="sigma">Bandwidth on standardised rows; null for the median heuristic, rounded to single precision as the published tables are.</param>
    public LeastSquaresDensityDifference(ReadOnlySpan<double> reference, int columns, ReadOnlySpan<int> centreRows, ReadOnlySpan<int> otherRows, double? sigma = null)
    {
        var n = GaussianKernel.Rows(reference, columns);
        ArgumentOutOfRangeException.ThrowIfLessThan(n, 2);
        _columns = columns;
        _mean = new double[columns];
        _scale = new double[columns];
        for (var i = 0; i < reference.Length; i++)
        {
            _mean[i % columns] += reference[i] / n;
        }

        for (var i = 0; i < reference.Length; i++)
        {
            var difference = reference[i] - _mean[i % columns];
            _scale[i % columns] += difference * difference / (n - 1);
        }

        for (var c = 0; c < columns; c++)
        {
            _scale[c] = Math.Sqrt(_scale[c]) + 1e-12;
        }

        var standardised = Standardise(reference);
        Sigma = sigma ?? (float)GaussianKernel.MedianHeuristic(standardised, columns);
        _centres = Gather(standardised, centreRows);
        var others = Gather(standardised, otherRows);
        _gram = GaussianKernel.Gram(_centres, _centres, columns, Math.Sqrt(2) * Sigma);
        _referenceKernel = GaussianKernel.Gram(others, _centres, columns, Sigma);
    }

    /// <summary>Bandwidth in use.</summary>
    public double Sigma { get; }

    /// <summary>Number of kernel centres.</summary>
    public int Centres => _centres.Length / _columns;

    /// <summary>Reference rows that take part in h.</summary>
    public int ReferenceRows => _referenceKernel.Length / Centres;

    /// <summary>Numbers per row.</summary>
    public int Columns => _columns;

    /// <summary>Random orders of the stacked rows, the same for the same seed.</summary>
    public int[][] Permutations(int windowRows, int count, ulong seed)
    {
        var random = new Random(unchecked((int)(seed ^ (seed >> 32))));
        var permutations = new int[count][];
        for (var p = 0; p < count; p++)
        {
            int[] order = [.. Enumerable.Range(0, ReferenceRows + windowRows)];
            random.Shuffle(order);
            permutations[p] = order;
        }

        return permutations;
    }

    /// <summary>
    /// Compares a window. Each permutation lists all stacked rows (reference rows first, then window rows), the first
    /// <see cref="ReferenceRows"/> of which play the reference.
    /// </summary>
    public LeastSquaresDensityDifferenceResult Test(ReadOnlySpan<double> window, IReadOnlyList<int[]> permutations, double relativeDifferenceLimit = 0.2)
    {
        ArgumentNullException.ThrowIfNull(permutations);
        int b = Centres, n = ReferenceRows;
        var m = GaussianKernel.Rows(window, _columns);
        ArgumentOutOfRangeException.ThrowIfLessThan(m, 1);
        var kernel = new double[(n + m) * b];
        _referenceKernel.CopyTo(kernel, 0);
        GaussianKernel.Gram(Standardise(window), _centres, _columns, Sigma).CopyTo(kernel, n * b);
        var total = new double[b];
        for (var i = 0; i < n + m; i++)
        {
            TensorPrimitives.Add(total, kernel.AsSpan(i * b, b), total);
        }

        var witness = Witness(kernel, total, Enumerable.Range(0, n).ToArray(), n, m);
        var permuted = permutations.Select(p => Witness(kernel, total, p, n, m)).ToArray();
        var (lambda, form) = Regularise(permuted.Length > 0 ? permuted : [witness], relativeDifferenceLimit);
        var statistic = QuadraticForm(form, witness);
        var permutedStatistics = permuted.Select(h => QuadraticForm(form, h)).ToArray();
        var p = (1.0 + permutedStatistics.Count(s => s >= statistic)) / (1 + permutedStatistics.Length);
        return new LeastSquaresDensityDifferenceResult(statistic, p, lambda, permutedStatistics);
    }

    // h from the smaller side: Σ over the window's rows, the reference's being the rest.
    private static double[] Witness(double[] kernel, double[] total, int[] order, int n, int m)
    {
        var b = total.Length;
        var window = new double[b];
        if (order.Length == n + m)
        {
            for (var i = n; i < n + m; i++)
            {
                TensorPrimitives.Add(window, kernel.AsSpan(order[i] * b, b), window);
            }
        }
        else
        {
            for (var i = n; i < n + m; i++)
            {
                TensorPrimitives.Add(window, kernel.AsSpan(i * b, b), window);
            }
        }

        var h = new double[b];
        for (var j = 0; j < b; j++)
        {
            h[j] = ((total[j] - window[j]) / n) - (window[j] / m);
        }

        return h;
    }

    private (double Lambda, double[] Form) Regularise(double[][] witnesses, double limit)
    {
        var b = Centres;
        double lambda = 1;
        double[] form = [];
        for (var i = 0; i < 10; i++, lambda /= 4)
        {
            var regularised = (double[])_gram.Clone();
            for (var j = 0; j < b; j++)
            {
                regularised[(j * b) + j] += lambda;
            }

            if (SymmetricMatrix.Cholesky(regularised, b) is not { } factor)
            {
                break;
            }

            var inverse = SymmetricMatrix.Inverse(factor, b);
            form = Form(inverse);
            double difference = 0;
            foreach (var h in witnesses)
            {
                var omega = Multiply(inverse, h);
                var denominator = TensorPrimitives.Dot<double>(h, omega);
                difference += (denominator > 0 ? 1 - (QuadraticForm(_gram, omega) / denominator) : 0) / witnesses.Length;
            }

            if (difference < limit)
            {
                return (lambda, form);
            }
        }

        return (lambda * 4, form);
    }

    // 2H_λ⁻¹ − H_λ⁻¹ H H_λ⁻¹
    private double[] Form(double[] inverse)
    {
        var b = Centres;
        var left = new double[b * b];
        var result = new double[b * b];
        Product(inverse, _gram, left, b);
        Product(left, inverse, result, b);
        for (var i = 0; i < result.Length; i++)
        {
            result[i] = (2 * inverse[i]) - result[i];
        }

        return result;
    }

    private static void Product(double[] left, double[] right, double[] target, int size)
    {
        for (var i = 0; i < size; i++)
        {
            for (var j = 0; j < size; j++)
            {
                VectorKernels.AddScaled(right.AsSpan(j * size, size), left[(i * size) + j], target.AsSpan(i * size, size));
            }
        }
    }

    private static double[] Multiply(double[] matrix, double[] vector)
    {
        var size = vector.Length;
        var result = new double[size];
        for (var i = 0; i < size; i++)
        {
            result[i] = TensorPrimitives.Dot<double>(matrix.AsSpan(i * size, size), vector);
        }

        return result;
    }

    private static double QuadraticForm(double[] matrix, double[] vector) => TensorPrimitives.Dot<double>(vector, Multiply(matrix, vector));

    private double[] Standardise(ReadOnlySpan<double> rows)
    {
        var result = new double[rows.Length];
        for (var i = 0; i < rows.Length; i++)
        {
            result[i] = (rows[i] - _mean[i % _columns]) / _scale[i % _columns];
        }

        return result;
    }

    private double[] Gather(double[] rows, ReadOnlySpan<int> indices)
    {
        var result = new double[indices.Length * _columns];
        for (var i = 0; i < indices.Length; i++)
        {
            rows.AsSpan(indices[i] * _columns, _columns).CopyTo(result.AsSpan(i * _columns));
        }

        return result;
    }
}
