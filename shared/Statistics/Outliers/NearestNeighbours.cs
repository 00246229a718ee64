using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Monitoring.Statistics;

/// <summary>
/// Exact Euclidean nearest neighbours among n frozen reference rows, by brute force on vector units: (x − r)² directly, so
/// nothing cancels; candidates in single precision, the answer's distances again in double. Cost O(n·d) a row, four rows
/// and one vector of reference rows at a time.
/// </summary>
public sealed class NearestNeighbours : INeighbourSearch
{
    // Candidates beyond k that survive the single-precision pass, so that its rounding cannot lose a true neighbour.
    private const int Margin = 3;
    private const int Together = 4;
    private const int Lanes = 16;

    private readonly double[] _rows;
    private readonly double[] _origin;

    // Blocks of Lanes rows, within a block column by column; the last block is padded with rows infinitely far away.
    private readonly float[] _blocks;

    public NearestNeighbours(ReadOnlySpan<double> reference, int columns)
    {
        Count = RowShape.CheckReference(reference, columns, 1);
        Columns = columns;
        _rows = reference.ToArray();

        // Centred, so that a large common offset costs no digits in single precision.
        _origin = new double[columns];
        for (var i = 0; i < reference.Length; i++)
        {
            _origin[i % columns] += reference[i] / Count;
        }

        var blocks = (Count + Lanes - 1) / Lanes;
        _blocks = new float[blocks * Lanes * columns];
        for (var row = 0; row < blocks * Lanes; row++)
        {
            for (var c = 0; c < columns; c++)
            {
                var value = row < Count ? Single(reference[(row * columns) + c] - _origin[c]) : float.PositiveInfinity;
                _blocks[(row / Lanes * Lanes * columns) + (c * Lanes) + (row % Lanes)] = value;
            }
        }
    }

    public int Count { get; }

    public int Columns { get; }

    /// <inheritdoc/>
    public void Find(ReadOnlySpan<double> rows, int k, Span<int> indices, Span<double> distances, int self = -1)
    {
        var count = GaussianKernel.Rows(rows, Columns);
        var available = Count - (self >= 0 ? 1 : 0);
        if (k < 1 || k > available)
        {
            throw new ArgumentOutOfRangeException(nameof(k), k, $"k lies between 1 and the {available} rows of the reference that may answer");
        }

        if (indices.Length != count * k || distances.Length != count * k)
        {
            throw new ArgumentException($"{count} rows need {count * k} places, got {indices.Length} and {distances.Length}", nameof(distances));
        }

        var wanted = Math.Min(available, k + Margin);
        var keep = wanted + (self >= 0 ? 1 : 0);
        var queries = new float[Together * Columns];
        var nearest = new Candidates[Together];
        for (var t = 0; t < Together; t++)
        {
            nearest[t] = new Candidates(keep);
        }

        var exact = new double[keep];
        for (var i = 0; i < count; i += Together)
        {
            var together = Math.Min(Together, count - i);
            for (var t = 0; t < Together; t++)
            {
                var row = rows.Slice((i + Math.Min(t, together - 1)) * Columns, Columns);
                for (var c = 0; c < Columns; c++)
                {
                    queries[(t * Columns) + c] = Single(row[c] - _origin[c]);
                }

                nearest[t].Clear();
            }

            Scan(queries, nearest);
            for (var t = 0; t < together; t++)
            {
                Refine(
                    rows.Slice((i + t) * Columns, Columns),
                    nearest[t],
                    exact,
                    self < 0 ? -1 : self + i + t,
                    indices.Slice((i + t) * k, k),
                    distances.Slice((i + t) * k, k));
            }
        }
    }

    private static float Single(double value) => (float)Math.Clamp(value, -1e18, 1e18);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Scan(float[] queries, Candidates[] nearest)
    {
        var vectors = MemoryMarshal.Cast<float, Vector512<float>>(_blocks);
        int d = Columns, blocks = vectors.Length / d;
        var query = queries.AsSpan();
        for (var block = 0; block < blocks; block++)
        {
            var sum0 = Vector512<float>.Zero;
            var sum1 = Vector512<float>.Zero;
            var sum2 = Vector512<float>.Zero;
            var sum3 = Vector512<float>.Zero;
            ref var reference = ref MemoryMarshal.GetReference(vectors.Slice(block * d, d));
            ref var q = ref MemoryMarshal.GetReference(query);
            for (var c = 0; c < d; c++)
            {
                var r = Unsafe.Add(ref reference, c);
                var d0 = r - Vector512.Create(Unsafe.Add(ref q, c));
                var d1 = r - Vector512.Create(Unsafe.Add(ref q, d + c));
                var d2 = r - Vector512.Create(Unsafe.Add(ref q, (2 * d) + c));
                var d3 = r - Vector512.Create(Unsafe.Add(ref q, (3 * d) + c));
                sum0 = Vector512.FusedMultiplyAdd(d0, d0, sum0);
                sum1 = Vector512.FusedMultiplyAdd(d1, d1, sum1);
                sum2 = Vector512.FusedMultiplyAdd(d2, d2, sum2);
                sum3 = Vector512.FusedMultiplyAdd(d3, d3, sum3);
            }

            nearest[0].Offer(sum0, block * Lanes);
            nearest[1].Offer(sum1, block * Lanes);
            nearest[2].Offer(sum2, block * Lanes);
            nearest[3].Offer(sum3, block * Lanes);
        }
    }

    private void Refine(ReadOnlySpan<double> row, Candidates candidates, double[] exact, int self, Span<int> indices, Span<double> distances)
    {
        var found = candidates.Indices;
        for (var i = 0; i < found.Length; i++)
        {
            exact[i] = found[i] < 0 || found[i] == self
                ? double.PositiveInfinity
                : TensorPrimitives.Distance(row, _rows.AsSpan(found[i] * Columns, Columns));
        }

        // Few and nearly sorted: insertion sort.
        for (var i = 1; i < found.Length; i++)
        {
            var (distance, index) = (exact[i], found[i]);
            var j = i;
            for (; j > 0 && exact[j - 1] > distance; j--)
            {
                exact[j] = exact[j - 1];
                found[j] = found[j - 1];
            }

            exact[j] = distance;
            found[j] = index;
        }

        found[..indices.Length].CopyTo(indices);
        exact.AsSpan(0, distances.Length).CopyTo(distances);
    }

    /// <summary>The smallest squared distances seen so far, ascending.</summary>
    private sealed class Candidates(int size)
    {
        private readonly float[] _squares = new float[size];
        private readonly int[] _indices = new int[size];
        private float _limit;

        public Span<int> Indices => _indices;

        public void Clear()
        {
            Array.Fill(_squares, float.PositiveInfinity);
            Array.Fill(_indices, -1);
            _limit = float.PositiveInfinity;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Offer(Vector512<float> squares, int first)
        {
            var below = Vector512.LessThan(squares, Vector512.Create(_limit)).ExtractMostSignificantBits();
            if (below != 0)
            {
                Insert(squares, first, below);
            }
        }

        private void Insert(Vector512<float> squares, int first, ulong below)
        {
            Span<float> lanes = stackalloc float[Lanes];
            squares.CopyTo(lanes);
            var kept = _squares;
            for (; below != 0; below &= below - 1)
            {
                var lane = BitOperations.TrailingZeroCount(below);
                var square = lanes[lane];
                var i = kept.Length - 1;
                if (square >= kept[i])
                {
                    continue;
                }

                for (; i > 0 && kept[i - 1] > square; i--)
                {
                    kept[i] = kept[i - 1];
                    _indices[i] = _indices[i - 1];
                }

                kept[i] = square;
                _indices[i] = first + lane;
            }

            _limit = kept[^1];
        }
    }
}
