using System.Numerics.Tensors;
using Monitoring.Scoring;
using Monitoring.Statistics;

namespace Monitoring.Outlier;

/// <summary>
/// Exact nearest neighbours by ONNX graphs: candidates from a matrix product and top-k in single precision, on the device of the
/// process; the few candidates' distances again in double, so that the answer is the one of <see cref="NearestNeighbours"/>.
/// </summary>
public sealed class GraphNeighbours : INeighbourSearch
{
    // Candidates beyond k that survive the single-precision pass, so that its rounding cannot lose a true neighbour.
    private const int Margin = 5;
    private readonly ScoringKernels _kernels;
    private readonly double[] _rows;
    private readonly float[] _single;
    private readonly double[] _origin;

    public GraphNeighbours(ScoringKernels kernels, ReadOnlySpan<double> reference, int columns)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(columns, 1);
        Count = reference.Length / columns;
        if (Count < 1 || Count * columns != reference.Length)
        {
            throw new ArgumentException($"{reference.Length} values do not fill rows of {columns}", nameof(reference));
        }

        _kernels = kernels;
        Columns = columns;
        _rows = reference.ToArray();
        _origin = new double[columns];
        for (var i = 0; i < reference.Length; i++)
        {
            _origin[i % columns] += reference[i] / Count;
        }

        _single = Narrow(reference);
    }

    public int Count { get; }

    public int Columns { get; }

    public void Find(ReadOnlySpan<double> rows, int k, Span<int> indices, Span<double> distances, int self = -1)
    {
        var count = rows.Length / Columns;
        var available = Count - (self >= 0 ? 1 : 0);
        if (k < 1 || k > available)
        {
            throw new ArgumentOutOfRangeException(nameof(k), k, $"k lies between 1 and the {available} rows of the reference that may answer");
        }

        if (count == 0)
        {
            return;
        }

        var wanted = Math.Min(Count, k + Margin + (self >= 0 ? 1 : 0));
        var found = _kernels.NearestNeighbours(new Matrix<float>(Narrow(rows), count, Columns), new Matrix<float>(_single, Count, Columns), wanted);
        var exact = new double[wanted];
        var candidates = new int[wanted];
        for (var i = 0; i < count; i++)
        {
            var kept = 0;
            var row = rows.Slice(i * Columns, Columns);
            for (var c = 0; c < wanted; c++)
            {
                var index = (int)found.Indices[(i * wanted) + c];
                if (self < 0 || index != self + i)
                {
                    candidates[kept] = index;
                    exact[kept++] = TensorPrimitives.Distance(row, _rows.AsSpan(index * Columns, Columns));
                }
            }

            Array.Sort(exact, candidates, 0, kept);
            candidates.AsSpan(0, k).CopyTo(indices.Slice(i * k, k));
            exact.AsSpan(0, k).CopyTo(distances.Slice(i * k, k));
        }
    }

    // Centred in double, so that a large common offset costs no digits; clipped, so that squares stay finite.
    private float[] Narrow(ReadOnlySpan<double> rows)
    {
        var single = new float[rows.Length];
        for (var i = 0; i < single.Length; i++)
        {
            single[i] = (float)Math.Clamp(rows[i] - _origin[i % Columns], -1e15, 1e15);
        }

        return single;
    }
}
