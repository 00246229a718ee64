using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Monitoring.Statistics;

/// <summary>
/// Exact Euclidean nearest neighbours among n frozen reference rows, by brute force on vector units, O(n·d) a row. Candidates come from |r|² − 2q·r in single precision, a matrix product of tiles of six
/// rows and sixteen reference rows in registers: one fused operation a column instead of two. The candidates' distances are computed again in double from the rows themselves, and ordered by distance,
/// then index. Single precision cannot lose a neighbour: where the bound on its rounding error does not prove that every row that was left out is farther than the k-th found, the row is searched
/// again by (x − r)², where nothing cancels, and at last in double. So the answer does not depend on how candidates were found. Of few columns only the rows are looked at that may be
/// candidates (<see cref="NeighbourTree"/>).
/// </summary>
public sealed class NearestNeighbours : INeighbourSearch
{
    // Candidates beyond k that survive the single-precision pass, so that its rounding seldom makes a second pass necessary.
    private const int Margin = 3;
    private const int Together = 6;
    private const int Lanes = 16;

    /// <summary>Length of a row from which its squares may leave single precision.</summary>
    private const double Longest = 1e15;

    /// <summary>Among more columns the tree's boxes overlap: nearly all are looked at, one row at a time.</summary>
    private const int TreeColumns = 12;

    /// <summary>Fewer rows are multiplied as fast.</summary>
    private const int TreeRows = 512;

    private readonly double[] _rows;
    private readonly double[] _origin;

    // Blocks of Lanes rows, within a block column by column; the last block is padded with rows infinitely far away.
    private readonly float[] _blocks = [];
    private readonly NeighbourTree? _tree;

    /// <summary>|r|² of the rows of the blocks; infinite for the padding.</summary>
    private readonly float[] _squares = [];
    private readonly double _longest;

    public NearestNeighbours(ReadOnlySpan<double> reference, int columns)
        : this(reference, columns, columns <= TreeColumns && reference.Length / Math.Max(1, columns) >= TreeRows)
    {
    }

    /// <param name="reference">Finite rows, row-major.</param>
    /// <param name="columns">Their width.</param>
    /// <param name="tree">Whether to look only where neighbours may be.</param>
    internal NearestNeighbours(ReadOnlySpan<double> reference, int columns, bool tree)
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

        if (tree)
        {
            var centred = new float[Count * columns];
            for (var row = 0; row < Count; row++)
            {
                var square = 0.0;
                for (var c = 0; c < columns; c++)
                {
                    var value = Single(reference[(row * columns) + c] - _origin[c]);
                    centred[(row * columns) + c] = value;
                    square += (double)value * value;
                }

                _longest = Math.Max(_longest, Math.Sqrt(square));
            }

            _tree = new NeighbourTree(centred, columns);
            return;
        }

        var blocks = (Count + Lanes - 1) / Lanes;
        _blocks = new float[blocks * Lanes * columns];
        _squares = new float[blocks * Lanes];
        for (var row = 0; row < blocks * Lanes; row++)
        {
            var square = 0.0;
            for (var c = 0; c < columns; c++)
            {
                // The tiles' padding is 0: 0·∞ would be no number. Its squares are infinite instead.
                var value = row < Count ? Single(reference[(row * columns) + c] - _origin[c]) : 0;
                _blocks[(row / Lanes * Lanes * columns) + (c * Lanes) + (row % Lanes)] = value;
                square += (double)value * value;
            }

            _squares[row] = row < Count ? (float)square : float.PositiveInfinity;
            _longest = Math.Max(_longest, Math.Sqrt(square));
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

        var wanted = Math.Min(available, k + Margin) + (self >= 0 ? 1 : 0);
        if (_tree is not null)
        {
            FindInTree(rows, k, wanted, indices, distances, self);
            return;
        }

        var nearest = new Candidates[Together];
        for (var t = 0; t < Together; t++)
        {
            nearest[t] = new Candidates(wanted);
        }

        var tile = new float[Together * Columns];
        var lengths = new double[Together];
        var exact = new double[nearest[0].Size];
        for (var i = 0; i < count; i += Together)
        {
            var together = Math.Min(Together, count - i);
            for (var t = 0; t < Together; t++)
            {
                var row = rows.Slice((i + Math.Min(t, together - 1)) * Columns, Columns);
                lengths[t] = 0;
                for (var c = 0; c < Columns; c++)
                {
                    var value = Single(row[c] - _origin[c]);
                    lengths[t] += (double)value * value;
                    tile[(c * Together) + t] = -2 * value;
                }

                nearest[t].Clear();
            }

            Multiply(tile, nearest);
            for (var t = 0; t < together; t++)
            {
                var row = rows.Slice((i + t) * Columns, Columns);
                var own = self < 0 ? -1 : self + i + t;
                Span<int> foundIndices = indices.Slice((i + t) * k, k);
                Span<double> foundDistances = distances.Slice((i + t) * k, k);
                Refine(row, nearest[t].Indices, exact, own, foundIndices, foundDistances);
                if (!Proves(nearest[t].Limit, foundDistances[^1], lengths[t]))
                {
                    nearest[t].Clear();
                    Scan(row, nearest[t]);
                    Refine(row, nearest[t].Indices, exact, own, foundIndices, foundDistances);
                    if (!ProvesDirectly(nearest[t].Limit, foundDistances[^1], lengths[t]))
                    {
                        Sort(row, own, foundIndices, foundDistances);
                    }
                }
            }
        }
    }

    private void FindInTree(ReadOnlySpan<double> rows, int k, int wanted, Span<int> indices, Span<double> distances, int self)
    {
        var query = new float[Columns];
        var nearest = new NeighbourCandidates(wanted);
        var exact = new double[wanted];
        var within = new List<int>();
        for (var i = 0; i < rows.Length / Columns; i++)
        {
            var row = rows.Slice(i * Columns, Columns);
            var squaredLength = 0.0;
            for (var c = 0; c < query.Length; c++)
            {
                query[c] = Single(row[c] - _origin[c]);
                squaredLength += (double)query[c] * query[c];
            }

            nearest.Clear();
            _tree!.Search(query, nearest);
            var own = self < 0 ? -1 : self + i;
            Span<int> foundIndices = indices.Slice(i * k, k);
            Span<double> foundDistances = distances.Slice(i * k, k);
            Refine(row, nearest.Indices, exact, own, foundIndices, foundDistances);
            if (ProvesDirectly(nearest.Limit, foundDistances[^1], squaredLength))
            {
                continue;
            }

            // As far as single precision can place the k-th found, and what lies there too: many equal rows, as a rule.
            var farthest = (foundDistances[^1] * (1 + (2 * (Columns + 6) * Math.ScaleB(1, -24)))) + (Math.ScaleB(1, -21) * (_longest + Math.Sqrt(squaredLength)));
            var square = farthest * farthest * (1 + 1e-6);
            if (!(square < float.MaxValue))
            {
                Sort(row, own, foundIndices, foundDistances);
                continue;
            }

            within.Clear();
            _tree.Within(query, (float)square, within);
            TakeNearest(row, CollectionsMarshal.AsSpan(within), own, foundIndices, foundDistances);
        }
    }

    /// <summary>The nearest of many candidates by their distances in double, equal ones by index.</summary>
    private void TakeNearest(ReadOnlySpan<double> row, ReadOnlySpan<int> candidates, int self, Span<int> indices, Span<double> distances)
    {
        indices.Fill(int.MaxValue);
        distances.Fill(double.PositiveInfinity);
        foreach (var index in candidates)
        {
            var distance = TensorPrimitives.Distance(row, _rows.AsSpan(index * Columns, Columns));
            if (distance > distances[^1] || (distance == distances[^1] && index > indices[^1]) || index == self)
            {
                continue;
            }

            var i = indices.Length - 1;
            for (; i > 0 && (distances[i - 1] > distance || (distances[i - 1] == distance && indices[i - 1] > index)); i--)
            {
                (distances[i], indices[i]) = (distances[i - 1], indices[i - 1]);
            }

            (distances[i], indices[i]) = (distance, index);
        }
    }

    private static float Single(double value) => (float)Math.Clamp(value, -1e18, 1e18);

    /// <summary>
    /// Whether every row that is no candidate is farther away than the k-th found. In single precision |r|² − 2q·r is off by at most γ(|r| + |q|)², γ = (d + 4)·2⁻²⁴ for the inputs' rounding, |r|²'s and d fused
    /// steps (Higham, Accuracy and Stability of Numerical Algorithms, 2002, section 3.1), of separate steps twice that; two units more for the products of errors.
    /// </summary>
    private bool Proves(float limit, double farthest, double squaredLength)
    {
        if (float.IsPositiveInfinity(limit))
        {
            // All rows are candidates.
            return true;
        }

        var longest = _longest + Math.Sqrt(squaredLength);
        var error = 2 * (Columns + 6) * Math.ScaleB(1, -24) * longest * longest;
        return longest < Longest && (farthest * farthest * (1 + 1e-12)) - squaredLength < limit - error;
    }

    /// <summary>The same of squares of differences, which are off by a share of themselves, and by the rounding of what is subtracted.</summary>
    private bool ProvesDirectly(float limit, double farthest, double squaredLength) =>
        float.IsPositiveInfinity(limit)
        || farthest < (Math.Sqrt(limit) * (1 - ((Columns + 6) * Math.ScaleB(1, -24)))) - (Math.ScaleB(1, -22) * (_longest + Math.Sqrt(squaredLength)));

    /// <summary>All distances in double.</summary>
    private void Sort(ReadOnlySpan<double> row, int self, Span<int> indices, Span<double> distances)
    {
        var all = new (double Distance, int Index)[Count];
        for (var i = 0; i < all.Length; i++)
        {
            all[i] = (i == self ? double.PositiveInfinity : TensorPrimitives.Distance(row, _rows.AsSpan(i * Columns, Columns)), i);
        }

        Array.Sort(all);
        for (var i = 0; i < indices.Length; i++)
        {
            (distances[i], indices[i]) = all[i];
        }
    }

    /// <summary>|r|² − 2q·r of six rows with all reference rows; the smallest of each are kept. By itself: within its caller, which is compiled while it loops, its twelve sums do not stay in registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void Multiply(float[] tile, Candidates[] nearest)
    {
        int d = Columns, blocks = _squares.Length / Lanes;
        ref var reference = ref MemoryMarshal.GetArrayDataReference(_blocks);
        ref var squares = ref MemoryMarshal.GetArrayDataReference(_squares);
        Candidates n0 = nearest[0], n1 = nearest[1], n2 = nearest[2], n3 = nearest[3], n4 = nearest[4], n5 = nearest[5];
        for (var block = 0; block < blocks; block++)
        {
            var low = Vector256.LoadUnsafe(ref squares, (nuint)(block * Lanes));
            var high = Vector256.LoadUnsafe(ref squares, (nuint)((block * Lanes) + 8));
            Vector256<float> a0 = low, a1 = low, a2 = low, a3 = low, a4 = low, a5 = low;
            Vector256<float> b0 = high, b1 = high, b2 = high, b3 = high, b4 = high, b5 = high;
            ref var q = ref MemoryMarshal.GetArrayDataReference(tile);
            for (var c = 0; c < d; c++)
            {
                var r0 = Vector256.LoadUnsafe(ref reference);
                var r1 = Vector256.LoadUnsafe(ref reference, 8);
                var x = Vector256.Create(q);
                a0 = Vector256.MultiplyAddEstimate(r0, x, a0);
                b0 = Vector256.MultiplyAddEstimate(r1, x, b0);
                x = Vector256.Create(Unsafe.Add(ref q, 1));
                a1 = Vector256.MultiplyAddEstimate(r0, x, a1);
                b1 = Vector256.MultiplyAddEstimate(r1, x, b1);
                x = Vector256.Create(Unsafe.Add(ref q, 2));
                a2 = Vector256.MultiplyAddEstimate(r0, x, a2);
                b2 = Vector256.MultiplyAddEstimate(r1, x, b2);
                x = Vector256.Create(Unsafe.Add(ref q, 3));
                a3 = Vector256.MultiplyAddEstimate(r0, x, a3);
                b3 = Vector256.MultiplyAddEstimate(r1, x, b3);
                x = Vector256.Create(Unsafe.Add(ref q, 4));
                a4 = Vector256.MultiplyAddEstimate(r0, x, a4);
                b4 = Vector256.MultiplyAddEstimate(r1, x, b4);
                x = Vector256.Create(Unsafe.Add(ref q, 5));
                a5 = Vector256.MultiplyAddEstimate(r0, x, a5);
                b5 = Vector256.MultiplyAddEstimate(r1, x, b5);
                reference = ref Unsafe.Add(ref reference, Lanes);
                q = ref Unsafe.Add(ref q, Together);
            }

            n0.Offer(a0, b0, block * Lanes);
            n1.Offer(a1, b1, block * Lanes);
            n2.Offer(a2, b2, block * Lanes);
            n3.Offer(a3, b3, block * Lanes);
            n4.Offer(a4, b4, block * Lanes);
            n5.Offer(a5, b5, block * Lanes);
        }
    }

    /// <summary>(x − r)² of one row with all reference rows: nothing cancels.</summary>
    private void Scan(ReadOnlySpan<double> row, Candidates nearest)
    {
        var blocks = _squares.Length / Lanes;
        ref var reference = ref MemoryMarshal.GetArrayDataReference(_blocks);
        for (var block = 0; block < blocks; block++)
        {
            var low = Vector256<float>.Zero;
            var high = Vector256<float>.Zero;
            for (var c = 0; c < Columns; c++)
            {
                var x = Vector256.Create(Single(row[c] - _origin[c]));
                var d0 = Vector256.LoadUnsafe(ref reference) - x;
                var d1 = Vector256.LoadUnsafe(ref reference, 8) - x;
                low = Vector256.MultiplyAddEstimate(d0, d0, low);
                high = Vector256.MultiplyAddEstimate(d1, d1, high);
                reference = ref Unsafe.Add(ref reference, Lanes);
            }

            if ((block + 1) * Lanes > Count)
            {
                // The padding is infinitely far away.
                low = Vector256.ConditionalSelect(Vector256.LessThan(Lane(block * Lanes), Vector256.Create(Count)).AsSingle(), low, Vector256.Create(float.PositiveInfinity));
                high = Vector256.ConditionalSelect(Vector256.LessThan(Lane((block * Lanes) + 8), Vector256.Create(Count)).AsSingle(), high, Vector256.Create(float.PositiveInfinity));
            }

            nearest.Offer(low, high, block * Lanes);
        }

        static Vector256<int> Lane(int first) => Vector256.Create(0, 1, 2, 3, 4, 5, 6, 7) + Vector256.Create(first);
    }

    private void Refine(ReadOnlySpan<double> row, Span<int> found, double[] exact, int self, Span<int> indices, Span<double> distances)
    {
        for (var i = 0; i < found.Length; i++)
        {
            exact[i] = found[i] < 0 || found[i] == self
                ? double.PositiveInfinity
                : TensorPrimitives.Distance(row, _rows.AsSpan(found[i] * Columns, Columns));
        }

        // Few and nearly sorted: insertion sort, equal distances by index.
        for (var i = 1; i < found.Length; i++)
        {
            var (distance, index) = (exact[i], found[i]);
            var j = i;
            for (; j > 0 && (exact[j - 1] > distance || (exact[j - 1] == distance && found[j - 1] > index)); j--)
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

    /// <summary>The smallest values seen so far, ascending, with the rows that they are of: whole vectors, so that taking one in shifts eight at a time.</summary>
    private sealed class Candidates
    {
        private const int Width = 8;

        // One vector more in front: what moves into the first place from below it is smaller than everything.
        private readonly float[] _values;
        private readonly int[] _indices;
        private float _limit;

        public Candidates(int wanted)
        {
            Size = (wanted + Width - 1) / Width * Width;
            _values = new float[Size + Width];
            _indices = new int[Size + Width];
            _values.AsSpan(0, Width).Fill(float.NegativeInfinity);
        }

        public int Size { get; }

        public Span<int> Indices => _indices.AsSpan(Width);

        /// <summary>What is not smaller is not taken in; infinite while there is room.</summary>
        public float Limit => _limit;

        public void Clear()
        {
            _values.AsSpan(Width).Fill(float.PositiveInfinity);
            _indices.AsSpan(Width).Fill(-1);
            _limit = float.PositiveInfinity;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Offer(Vector256<float> low, Vector256<float> high, int first)
        {
            var limit = Vector256.Create(_limit);
            var below = Vector256.LessThan(low, limit) | Vector256.LessThan(high, limit);
            if (below != Vector256<float>.Zero)
            {
                Insert(low, high, first);
            }
        }

        private void Insert(Vector256<float> low, Vector256<float> high, int first)
        {
            Span<float> lanes = stackalloc float[Lanes];
            low.CopyTo(lanes);
            high.CopyTo(lanes[Width..]);
            var limit = Vector256.Create(_limit);
            var below = Vector256.LessThan(low, limit).ExtractMostSignificantBits() | (Vector256.LessThan(high, limit).ExtractMostSignificantBits() << Width);
            for (; below != 0; below &= below - 1)
            {
                var lane = BitOperations.TrailingZeroCount(below);
                if (lanes[lane] < _limit)
                {
                    Insert(lanes[lane], first + lane);
                }
            }
        }

        /// <summary>Every place keeps what is not greater; the place behind the last of these takes the new one, the others what stood before them.</summary>
        private void Insert(float value, int index)
        {
            ref var values = ref MemoryMarshal.GetArrayDataReference(_values);
            ref var indices = ref MemoryMarshal.GetArrayDataReference(_indices);
            var x = Vector256.Create(value);
            var y = Vector256.Create(index);
            for (var i = (nuint)Size; i >= Width; i -= Width)
            {
                var own = Vector256.LoadUnsafe(ref values, i);
                var before = Vector256.LoadUnsafe(ref values, i - 1);
                var stays = Vector256.LessThanOrEqual(own, x);
                var isNew = Vector256.LessThanOrEqual(before, x);
                var moved = Vector256.ConditionalSelect(isNew, x, before);
                var movedIndex = Vector256.ConditionalSelect(isNew.AsInt32(), y, Vector256.LoadUnsafe(ref indices, i - 1));
                var kept = Vector256.LoadUnsafe(ref indices, i);
                Vector256.ConditionalSelect(stays, own, moved).StoreUnsafe(ref values, i);
                Vector256.ConditionalSelect(stays.AsInt32(), kept, movedIndex).StoreUnsafe(ref indices, i);
                if (stays.ExtractMostSignificantBits() != 0)
                {
                    break;
                }
            }

            _limit = _values[^1];
        }
    }
}
