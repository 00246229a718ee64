using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Monitoring.Statistics;

/// <summary>
/// Reference rows in blocks of <see cref="Lanes"/> neighbours with the boxes around them, boxes of boxes above (a bulk-loaded R-tree, cut as a k-d tree: widest column, middle). A query
/// looks into the nearest box first and never into one that is farther than what it has found. A box's distance is computed by the same operations in the same order as a
/// row's, and rounding is monotone: it is never above the distance of a row inside, so that exactly the candidates of a scan over all rows are found.
/// </summary>
internal sealed class NeighbourTree
{
    private const int Lanes = NeighbourCandidates.Lanes;
    private readonly int _columns;

    /// <summary>Block by block, within a block column by column; the last block is padded with rows infinitely far away.</summary>
    private readonly float[] _blocks;

    /// <summary>The row's number in the reference, as the rows lie in the blocks.</summary>
    private readonly int[] _rows;
    private readonly Level[] _levels;

    /// <param name="reference">Finite rows, row-major.</param>
    /// <param name="columns">Their width.</param>
    public NeighbourTree(float[] reference, int columns)
    {
        _columns = columns;
        var count = reference.Length / columns;
        int[] order = [.. Enumerable.Range(0, count)];
        Cut(reference, order, 0, count);
        var blocks = (count + Lanes - 1) / Lanes;
        _rows = new int[blocks * Lanes];
        _blocks = new float[blocks * Lanes * columns];
        Array.Fill(_rows, int.MaxValue);
        order.CopyTo(_rows, 0);
        Array.Fill(_blocks, float.PositiveInfinity);
        var low = new float[blocks * columns];
        var high = new float[blocks * columns];
        Array.Fill(low, float.PositiveInfinity);
        Array.Fill(high, float.NegativeInfinity);
        for (var i = 0; i < count; i++)
        {
            for (var c = 0; c < columns; c++)
            {
                var value = reference[(order[i] * columns) + c];
                _blocks[(i / Lanes * Lanes * columns) + (c * Lanes) + (i % Lanes)] = value;
                ref var below = ref low[(i / Lanes * columns) + c];
                ref var above = ref high[(i / Lanes * columns) + c];
                below = Math.Min(below, value);
                above = Math.Max(above, value);
            }
        }

        var levels = new List<Level>();
        do
        {
            levels.Add(new Level(low, high, columns));
            (low, high) = Level.Around(low, high, columns);
        }
        while (levels[^1].Groups > 1);
        _levels = [.. levels];
    }

    /// <summary>Offers all rows that may be among the nearest.</summary>
    public void Search(ReadOnlySpan<float> query, NeighbourCandidates nearest) => Visit(_levels.Length - 1, 0, query, nearest);

    /// <summary>Adds the numbers of all rows whose squared distance is at most <paramref name="limit"/>.</summary>
    public void Within(ReadOnlySpan<float> query, float limit, List<int> rows) => Collect(_levels.Length - 1, 0, query, limit, rows);

    private void Collect(int level, int group, ReadOnlySpan<float> query, float limit, List<int> rows)
    {
        var near = Vector512.LessThanOrEqual(_levels[level].Distances(group, query), Vector512.Create(limit)).ExtractMostSignificantBits();
        for (; near != 0; near &= near - 1)
        {
            var child = (group * Lanes) + BitOperations.TrailingZeroCount(near);
            if (level > 0)
            {
                Collect(level - 1, child, query, limit, rows);
                continue;
            }

            var found = Vector512.LessThanOrEqual(Squares(child, query), Vector512.Create(limit)).ExtractMostSignificantBits();
            for (; found != 0; found &= found - 1)
            {
                rows.Add(_rows[(child * Lanes) + BitOperations.TrailingZeroCount(found)]);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Visit(int level, int group, ReadOnlySpan<float> query, NeighbourCandidates nearest)
    {
        var infinity = Vector512.Create(float.PositiveInfinity);
        var bounds = _levels[level].Distances(group, query);
        while (true)
        {
            var least = Least(bounds);

            // At the limit itself a row of a smaller number would be taken.
            if (!(least <= nearest.Limit) || float.IsPositiveInfinity(least))
            {
                return;
            }

            var lane = BitOperations.TrailingZeroCount(Vector512.Equals(bounds, Vector512.Create(least)).ExtractMostSignificantBits());
            bounds = Vector512.ConditionalSelect(Vector512.Equals(Vector512<int>.Indices, Vector512.Create(lane)).AsSingle(), infinity, bounds);
            var child = (group * Lanes) + lane;
            if (level > 0)
            {
                Visit(level - 1, child, query, nearest);
            }
            else
            {
                nearest.Offer(Squares(child, query), _rows.AsSpan(child * Lanes, Lanes));
            }
        }
    }

    private Vector512<float> Squares(int block, ReadOnlySpan<float> query)
    {
        ref var values = ref MemoryMarshal.GetArrayDataReference(_blocks);
        var at = (nuint)(block * Lanes * _columns);
        var sum = Vector512<float>.Zero;
        for (var c = 0; c < query.Length; c++, at += Lanes)
        {
            var difference = Vector512.LoadUnsafe(ref values, at) - Vector512.Create(query[c]);
            sum = Vector512.FusedMultiplyAdd(difference, difference, sum);
        }

        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Least(Vector512<float> values)
    {
        var eight = Vector256.MinNative(values.GetLower(), values.GetUpper());
        var four = Vector128.MinNative(eight.GetLower(), eight.GetUpper());
        var two = Vector128.MinNative(four, Vector128.Shuffle(four, Vector128.Create(2, 3, 0, 1)));
        return Vector128.MinNative(two, Vector128.Shuffle(two, Vector128.Create(1, 0, 3, 2))).ToScalar();
    }

    /// <summary>Orders the rows of a range so that whole blocks, and whole groups of blocks, lie side by side.</summary>
    private void Cut(float[] reference, int[] order, int first, int count)
    {
        while (count > Lanes)
        {
            // A group of blocks is never cut through: of the largest groups that do not hold the whole range, one half goes to the left.
            var whole = Lanes;
            while (whole * Lanes < count)
            {
                whole *= Lanes;
            }

            var left = (((count + whole - 1) / whole) + 1) / 2 * whole;
            var range = order.AsSpan(first, count);
            Select(reference, range, left, Widest(reference, range));
            Cut(reference, order, first + left, count - left);
            count = left;
        }
    }

    private int Widest(float[] reference, ReadOnlySpan<int> order)
    {
        var (widest, column) = (-1f, 0);
        for (var c = 0; c < _columns; c++)
        {
            var (low, high) = (float.PositiveInfinity, float.NegativeInfinity);
            foreach (var row in order)
            {
                var value = reference[(row * _columns) + c];
                low = Math.Min(low, value);
                high = Math.Max(high, value);
            }

            if (high - low > widest)
            {
                (widest, column) = (high - low, c);
            }
        }

        return column;
    }

    /// <summary>Brings the <paramref name="left"/> smallest values of a column to the front (Hoare's selection).</summary>
    private void Select(float[] reference, Span<int> order, int left, int column)
    {
        int low = 0, high = order.Length - 1;
        while (low < high)
        {
            var pivot = Value(order[low + ((high - low) / 2)]);
            int i = low, j = high;
            while (i <= j)
            {
                while (Value(order[i]) < pivot)
                {
                    i++;
                }

                while (Value(order[j]) > pivot)
                {
                    j--;
                }

                if (i <= j)
                {
                    (order[i], order[j]) = (order[j], order[i]);
                    i++;
                    j--;
                }
            }

            if (left <= j)
            {
                high = j;
            }
            else if (left >= i)
            {
                low = i;
            }
            else
            {
                return;
            }
        }

        float Value(int row) => reference[(row * _columns) + column];
    }

    /// <summary>Boxes, sixteen side by side.</summary>
    private sealed class Level
    {
        private readonly int _columns;

        /// <summary>Group by group, within a group column by column; missing boxes are infinitely far away.</summary>
        private readonly float[] _low;
        private readonly float[] _high;

        public Level(float[] low, float[] high, int columns)
        {
            _columns = columns;
            var boxes = low.Length / columns;
            Groups = (boxes + Lanes - 1) / Lanes;
            _low = new float[Groups * Lanes * columns];
            _high = new float[_low.Length];
            Array.Fill(_low, float.PositiveInfinity);
            Array.Fill(_high, float.NegativeInfinity);
            for (var i = 0; i < boxes; i++)
            {
                for (var c = 0; c < columns; c++)
                {
                    var at = (i / Lanes * Lanes * columns) + (c * Lanes) + (i % Lanes);
                    _low[at] = low[(i * columns) + c];
                    _high[at] = high[(i * columns) + c];
                }
            }
        }

        public int Groups { get; }

        /// <summary>The boxes around each sixteen boxes.</summary>
        public static (float[] Low, float[] High) Around(float[] low, float[] high, int columns)
        {
            var boxes = low.Length / columns;
            var groups = (boxes + Lanes - 1) / Lanes;
            var (lowest, highest) = (new float[groups * columns], new float[groups * columns]);
            Array.Fill(lowest, float.PositiveInfinity);
            Array.Fill(highest, float.NegativeInfinity);
            for (var i = 0; i < low.Length; i++)
            {
                var at = (i / columns / Lanes * columns) + (i % columns);
                lowest[at] = Math.Min(lowest[at], low[i]);
                highest[at] = Math.Max(highest[at], high[i]);
            }

            return (lowest, highest);
        }

        /// <summary>Squared distances of a group's boxes.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Distances(int group, ReadOnlySpan<float> query)
        {
            ref var low = ref MemoryMarshal.GetArrayDataReference(_low);
            ref var high = ref MemoryMarshal.GetArrayDataReference(_high);
            var at = (nuint)(group * Lanes * _columns);
            var sum = Vector512<float>.Zero;
            for (var c = 0; c < query.Length; c++, at += Lanes)
            {
                var value = Vector512.Create(query[c]);
                var outside = Vector512.MaxNative(Vector512.LoadUnsafe(ref low, at) - value, value - Vector512.LoadUnsafe(ref high, at));
                outside = Vector512.MaxNative(outside, Vector512<float>.Zero);
                sum = Vector512.FusedMultiplyAdd(outside, outside, sum);
            }

            return sum;
        }
    }
}
