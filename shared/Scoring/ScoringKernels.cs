using System.Collections.Concurrent;
using System.Globalization;
using System.Numerics;

namespace Monitoring.Scoring;

/// <summary>
/// Distances, neighbours and kernel sums on the runtime's device. One session per graph and element type, shared by all
/// monitors of the process. <typeparamref name="T"/> of every method is <see cref="float"/> or <see cref="double"/>. Thread-safe.
/// </summary>
public sealed class ScoringKernels(ScoringRuntime runtime) : IDisposable
{
    /// <summary>Most elements of an intermediate matrix: queries beyond it are scored block by block, in fixed memory.</summary>
    internal const int MaxBlockElements = 1 << 24;

    private readonly ConcurrentDictionary<string, Lazy<ScoringModel>> _graphs = new(StringComparer.Ordinal);

    /// <summary>Squared Euclidean distances, row-major [a.Rows, b.Rows].</summary>
    public T[] SquaredDistances<T>(Matrix<T> a, Matrix<T> b, CancellationToken cancellationToken = default)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        CheckColumns(a, b);
        var result = new T[checked((long)a.Rows * b.Rows)];
        var graph = Graph<T>("squared-distances", KernelGraphs.SquaredDistances);
        var reference = b.ToTensor("b");
        foreach (var (first, count) in Blocks(a.Rows, b.Rows))
        {
            var d2 = graph.Run([a.Slice(first, count).ToTensor("a"), reference], null, cancellationToken)[0];
            d2.AsSpan<T>().CopyTo(result.AsSpan(first * b.Rows));
        }

        return result;
    }

    /// <summary>The <paramref name="k"/> nearest reference rows of every query.</summary>
    /// <param name="queries">[n,d].</param>
    /// <param name="reference">[m,d].</param>
    /// <param name="k">1 ≤ k ≤ m.</param>
    /// <param name="cancellationToken">Ends the run early.</param>
    public Neighbours<T> NearestNeighbours<T>(Matrix<T> queries, Matrix<T> reference, int k, CancellationToken cancellationToken = default)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        CheckColumns(queries, reference);
        ArgumentOutOfRangeException.ThrowIfLessThan(k, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(k, reference.Rows);
        var distances = new T[checked((long)queries.Rows * k)];
        var indices = new long[distances.Length];
        var graph = Graph<T>("nearest-neighbours", KernelGraphs.NearestNeighbours);
        var rows = reference.ToTensor("reference");
        var count = ScoringTensor.Create("k", new long[] { k }, 1);
        foreach (var (first, length) in Blocks(queries.Rows, Math.Max(reference.Rows, (long)k * reference.Columns)))
        {
            var result = graph.Run([queries.Slice(first, length).ToTensor("queries"), rows, count], null, cancellationToken);
            result[0].AsSpan<T>().CopyTo(distances.AsSpan(first * k));
            result[1].AsSpan<long>().CopyTo(indices.AsSpan(first * k));
        }

        return new Neighbours<T>(distances, indices, k);
    }

    /// <summary>
    /// Unbiased MMD² (Gretton et al. 2012, eq. 3) with an RBF kernel, of many splits of the same pooled rows at once.
    /// Source: one matrix product K·U gives the sums of all splits.
    /// </summary>
    /// <param name="pooled">[N,d], both samples.</param>
    /// <param name="splits">[N,c] of 0 and 1: 1 where the split counts the row to the first sample; each column with at least two of both.</param>
    /// <param name="sigmas">Bandwidths; the kernel is the mean over them of exp(−‖·‖²/(2σ²)).</param>
    /// <param name="cancellationToken">Ends the run early.</param>
    /// <returns>MMD² of every column.</returns>
    public double[] MaximumMeanDiscrepancy<T>(Matrix<T> pooled, Matrix<T> splits, IReadOnlyList<double> sigmas, CancellationToken cancellationToken = default)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (splits.Rows != pooled.Rows)
        {
            throw new ArgumentException($"splits have {splits.Rows} rows, the pooled sample {pooled.Rows}", nameof(splits));
        }

        var sizes = new int[splits.Columns];
        for (var row = 0; row < splits.Rows; row++)
        {
            var values = splits.Row(row);
            for (var column = 0; column < sizes.Length; column++)
            {
                sizes[column] += T.IsZero(values[column]) ? 0 : 1;
            }
        }

        var roots = sigmas.Select(s => s > 0 ? T.CreateChecked(1 / s) : throw new ArgumentOutOfRangeException(nameof(sigmas), s, "must be > 0")).ToArray();
        var graph = Graph<T>("mmd-sums-" + roots.Length.ToString(CultureInfo.InvariantCulture), type => KernelGraphs.MmdSums(type, roots.Length));
        var sums = graph.Run([pooled.ToTensor("z"), splits.ToTensor("u"), ScoringTensor.Create("root2gamma", roots, roots.Length)], null, cancellationToken);
        var total = double.CreateChecked(sums[2].AsSpan<T>()[0]);
        var result = new double[sizes.Length];
        for (var i = 0; i < result.Length; i++)
        {
            double n = sizes[i];
            double m = pooled.Rows - n;
            if (n < 2 || m < 2)
            {
                throw new ArgumentException($"split {i} has {n} and {m} rows; both samples need two", nameof(splits));
            }

            var xx = double.CreateChecked(sums[0].AsSpan<T>()[i]);
            var xy = double.CreateChecked(sums[1].AsSpan<T>()[i]) - xx;
            var yy = total - xx - (2 * xy);
            // The diagonal is k(x,x) = 1 for every row.
            result[i] = ((xx - n) / (n * (n - 1))) + ((yy - m) / (m * (m - 1))) - (2 * xy / (n * m));
        }

        return result;
    }

    /// <summary>Squared Mahalanobis distances ‖(x − mean)·W‖², row-major [x.Rows, means.Rows].</summary>
    /// <param name="x">[n,d].</param>
    /// <param name="means">[c,d], one row per class.</param>
    /// <param name="whitening">[d,r], W with precision = W·Wᵀ (for example the Cholesky factor of the inverse covariance).</param>
    /// <param name="cancellationToken">Ends the run early.</param>
    public T[] Mahalanobis<T>(Matrix<T> x, Matrix<T> means, Matrix<T> whitening, CancellationToken cancellationToken = default)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        CheckColumns(x, means);
        if (whitening.Rows != x.Columns)
        {
            throw new ArgumentException($"the whitening matrix has {whitening.Rows} rows for {x.Columns} columns", nameof(whitening));
        }

        var result = new T[checked((long)x.Rows * means.Rows)];
        var graph = Graph<T>("mahalanobis", KernelGraphs.Mahalanobis);
        var (centres, w) = (means.ToTensor("means"), whitening.ToTensor("whitening"));
        foreach (var (first, count) in Blocks(x.Rows, Math.Max(x.Columns, (long)means.Rows * whitening.Columns)))
        {
            var d2 = graph.Run([x.Slice(first, count).ToTensor("x"), centres, w], null, cancellationToken)[0];
            d2.AsSpan<T>().CopyTo(result.AsSpan(first * means.Rows));
        }

        return result;
    }

    public void Dispose()
    {
        foreach (var graph in _graphs.Values)
        {
            if (graph.IsValueCreated)
            {
                graph.Value.Dispose();
            }
        }

        _graphs.Clear();
    }

    private static IEnumerable<(int First, int Count)> Blocks(int rows, long width)
    {
        var size = (int)Math.Clamp(MaxBlockElements / Math.Max(1, width), 1, int.MaxValue);
        for (var first = 0; first < rows; first += size)
        {
            yield return (first, Math.Min(size, rows - first));
        }
    }

    private static void CheckColumns<T>(Matrix<T> a, Matrix<T> b)
        where T : unmanaged
    {
        if (a.Columns != b.Columns)
        {
            throw new ArgumentException($"{a.Columns} columns against {b.Columns}");
        }
    }

    private ScoringModel Graph<T>(string name, Func<TensorType, byte[]> build)
        where T : unmanaged
    {
        var type = TensorTypes.Of<T>();
        var key = $"{name}-{type.ProtocolName()}";
        return _graphs.GetOrAdd(key, k => new Lazy<ScoringModel>(() => runtime.LoadBytes(k, build(type), threads: ScoringThreads.Shared))).Value;
    }
}

/// <summary>Nearest neighbours, row-major [queries, k], ascending.</summary>
/// <param name="Distances">Euclidean.</param>
/// <param name="Indices">Rows of the reference.</param>
/// <param name="K">Neighbours per query.</param>
public sealed record Neighbours<T>(T[] Distances, long[] Indices, int K);
