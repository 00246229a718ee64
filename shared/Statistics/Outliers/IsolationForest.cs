using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Monitoring.Statistics;

/// <summary>
/// Isolation forest (Liu, Ting and Zhou 2008): score 2^{−E[h(x)]/c(ψ)} in (0, 1), h the path length plus c(samples in the
/// leaf), c(n) = 2(ln(n−1) + γ) − 2(n−1)/n. Trees on ψ rows drawn without replacement, a random column and a uniform cut a
/// node, to depth ⌈log₂ ψ⌉.
/// </summary>
public sealed class IsolationForest : IRowScorer
{
    private const int Block = 256;
    private readonly Node[][] _trees;
    private readonly double[][] _paths;
    private readonly int[] _depths;
    private readonly double _normaliser;

    /// <summary>A forest from given trees, trained on <paramref name="sampleSize"/> rows each.</summary>
    public IsolationForest(IReadOnlyList<IsolationTree> trees, int columns, int sampleSize)
    {
        ArgumentNullException.ThrowIfNull(trees);
        ArgumentOutOfRangeException.ThrowIfLessThan(columns, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(trees.Count, 1);
        Columns = columns;
        _normaliser = AveragePathLength(sampleSize);
        _trees = new Node[trees.Count][];
        _paths = new double[trees.Count][];
        _depths = new int[trees.Count];
        for (var t = 0; t < trees.Count; t++)
        {
            (_trees[t], _paths[t], _depths[t]) = Compile(trees[t], columns);
        }
    }

    public int Columns { get; }

    /// <summary>Trains a forest; the same seed and reference give the same forest.</summary>
    public static IsolationForest Train(ReadOnlySpan<double> reference, int columns, int seed, int trees = 100, int sampleSize = 256)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(trees, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(sampleSize, 1);
        var n = RowShape.CheckReference(reference, columns, 1);
        var size = Math.Min(sampleSize, n);
        var random = new Random(seed);
        var rows = new int[n];
        for (var i = 0; i < n; i++)
        {
            rows[i] = i;
        }

        var grown = new IsolationTree[trees];
        for (var t = 0; t < trees; t++)
        {
            for (var i = 0; i < size; i++)
            {
                var other = random.Next(i, n);
                (rows[i], rows[other]) = (rows[other], rows[i]);
            }

            grown[t] = Grow(reference, columns, rows.AsSpan(0, size), random);
        }

        return new IsolationForest(grown, columns, size);
    }

    /// <summary>c(n): the mean length of an unsuccessful search in a binary tree of n leaves; 0 for n ≤ 1, 1 for 2.</summary>
    public static double AveragePathLength(double n) => n switch
    {
        <= 1 => 0,
        2 => 1,
        _ => (2 * (Math.Log(n - 1) + 0.5772156649015329)) - (2 * (n - 1) / n),
    };

    public void Score(ReadOnlySpan<double> rows, Span<double> scores)
    {
        var count = RowShape.Check(rows, Columns, scores);
        var values = new float[Math.Min(Block, count) * Columns];
        var paths = new double[Math.Min(Block, count)];
        for (var start = 0; start < count; start += Block)
        {
            var size = Math.Min(Block, count - start);
            for (var i = 0; i < size * Columns; i++)
            {
                values[i] = (float)rows[(start * Columns) + i];
            }

            Array.Clear(paths);
            for (var t = 0; t < _trees.Length; t++)
            {
                AddPaths(_trees[t], _paths[t], _depths[t], values, paths.AsSpan(0, size));
            }

            for (var i = 0; i < size; i++)
            {
                scores[start + i] = _normaliser > 0 ? Math.Pow(2, -paths[i] / _trees.Length / _normaliser) : 0.5;
            }
        }
    }

    // Leaves lead to themselves, so every row takes the same number of steps and four rows walk at once without a branch.
    private void AddPaths(Node[] tree, double[] leafPaths, int depth, float[] values, Span<double> paths)
    {
        ref var nodes = ref MemoryMarshal.GetArrayDataReference(tree);
        ref var value = ref MemoryMarshal.GetArrayDataReference(values);
        var d = Columns;
        var i = 0;
        for (; i + 4 <= paths.Length; i += 4)
        {
            ref var row = ref Unsafe.Add(ref value, i * d);
            int a = 0, b = 0, c = 0, e = 0;
            for (var step = 0; step < depth; step++)
            {
                a = Step(ref nodes, a, ref row);
                b = Step(ref nodes, b, ref Unsafe.Add(ref row, d));
                c = Step(ref nodes, c, ref Unsafe.Add(ref row, 2 * d));
                e = Step(ref nodes, e, ref Unsafe.Add(ref row, 3 * d));
            }

            paths[i] += leafPaths[a];
            paths[i + 1] += leafPaths[b];
            paths[i + 2] += leafPaths[c];
            paths[i + 3] += leafPaths[e];
        }

        for (; i < paths.Length; i++)
        {
            var at = 0;
            for (var step = 0; step < depth; step++)
            {
                at = Step(ref nodes, at, ref Unsafe.Add(ref value, i * d));
            }

            paths[i] += leafPaths[at];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Step(ref Node nodes, int at, ref float row)
    {
        ref var node = ref Unsafe.Add(ref nodes, at);
        return node.Left + (Unsafe.Add(ref row, node.Feature) > node.Threshold ? 1 : 0);
    }

    // Children side by side, left first, in the order of a breadth-first walk.
    private static (Node[] Nodes, double[] Paths, int Depth) Compile(IsolationTree tree, int columns)
    {
        var nodes = new Node[tree.Feature.Length + 1];
        var paths = new double[nodes.Length];
        var queue = new Queue<(int From, int To, int Depth)>();
        queue.Enqueue((0, 0, 0));
        var next = 1;
        var deepest = 0;
        while (queue.TryDequeue(out var item))
        {
            deepest = Math.Max(deepest, item.Depth);
            var feature = tree.Feature[item.From];
            if (feature < 0)
            {
                nodes[item.To] = new Node(0, float.PositiveInfinity, item.To);
                paths[item.To] = item.Depth + AveragePathLength(tree.Samples[item.From]);
                continue;
            }

            if (feature >= columns || next + 2 > nodes.Length)
            {
                throw new ArgumentException($"tree node {item.From} splits on column {feature} of {columns}, or the tree has more children than nodes", nameof(tree));
            }

            nodes[item.To] = new Node(feature, RoundDown(tree.Threshold[item.From]), next);
            queue.Enqueue((tree.Left[item.From], next, item.Depth + 1));
            queue.Enqueue((tree.Right[item.From], next + 1, item.Depth + 1));
            next += 2;
        }

        return (nodes, paths, deepest);
    }

    // For a single-precision x, x ≤ t is x ≤ the largest single at or below t.
    private static float RoundDown(double threshold)
    {
        var single = (float)threshold;
        return single > threshold ? MathF.BitDecrement(single) : single;
    }

    private static IsolationTree Grow(ReadOnlySpan<double> reference, int columns, Span<int> rows, Random random)
    {
        var limit = (int)Math.Ceiling(Math.Log2(Math.Max(2, rows.Length)));
        List<int> feature = [], left = [], right = [], samples = [];
        List<double> threshold = [];
        var order = new int[columns];
        for (var c = 0; c < columns; c++)
        {
            order[c] = c;
        }

        Build(reference, columns, rows, 0);
        return new IsolationTree([.. feature], [.. threshold], [.. left], [.. right], [.. samples]);

        int Build(ReadOnlySpan<double> data, int d, Span<int> part, int depth)
        {
            var node = feature.Count;
            feature.Add(-1);
            threshold.Add(0);
            left.Add(-1);
            right.Add(-1);
            samples.Add(part.Length);
            if (depth >= limit || part.Length <= 1 || !Cut(data, d, part, out var column, out var cut))
            {
                return node;
            }

            var middle = 0;
            for (var i = 0; i < part.Length; i++)
            {
                if ((float)data[(part[i] * d) + column] <= cut)
                {
                    (part[i], part[middle]) = (part[middle], part[i]);
                    middle++;
                }
            }

            feature[node] = column;
            threshold[node] = cut;
            left[node] = Build(data, d, part[..middle], depth + 1);
            right[node] = Build(data, d, part[middle..], depth + 1);
            return node;
        }

        // A random column that still varies, and a cut that leaves rows on both sides.
        bool Cut(ReadOnlySpan<double> data, int d, Span<int> part, out int column, out float cut)
        {
            for (var tried = 0; tried < d; tried++)
            {
                var pick = random.Next(tried, d);
                (order[tried], order[pick]) = (order[pick], order[tried]);
                column = order[tried];
                float low = float.PositiveInfinity, high = float.NegativeInfinity;
                foreach (var row in part)
                {
                    var value = (float)data[(row * d) + column];
                    low = Math.Min(low, value);
                    high = Math.Max(high, value);
                }

                if (low < high)
                {
                    cut = (float)(low + (random.NextDouble() * ((double)high - low)));
                    cut = cut >= high ? MathF.BitDecrement(high) : cut;
                    return true;
                }
            }

            (column, cut) = (-1, 0);
            return false;
        }
    }

    [StructLayout(LayoutKind.Sequential)]
    private readonly struct Node(int feature, float threshold, int left)
    {
        public readonly int Feature = feature;
        public readonly float Threshold = threshold;
        public readonly int Left = left;
    }
}
