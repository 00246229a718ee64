using System.Numerics.Tensors;

namespace Monitoring.Explainer;

/// <summary>Rows of the clean reference with the class the model gives them: what <c>similar</c> and <c>counterfactual</c> choose from.</summary>
internal sealed class ReferenceRows
{
    private readonly float[] _scale;

    /// <param name="rows">count × columns, row-major.</param>
    /// <param name="count">Rows.</param>
    /// <param name="classes">Predicted class per row.</param>
    /// <param name="standardise">Divide columns by their standard deviation before distances are taken: for columns in different units, not for pixels.</param>
    /// <param name="ids">Id per row, where it came from the log.</param>
    public ReferenceRows(float[] rows, int count, int[] classes, bool standardise, IReadOnlyList<string>? ids = null)
    {
        if (count < 1 || rows.Length % count != 0 || classes.Length != count)
        {
            throw new ArgumentException($"{rows.Length} numbers and {classes.Length} classes are not {count} rows", nameof(rows));
        }

        Rows = rows;
        Count = count;
        Classes = classes;
        Ids = ids ?? [.. Enumerable.Range(0, count).Select(i => $"reference:{i}")];
        _scale = standardise ? Scale(rows, count) : [.. Enumerable.Repeat(1f, rows.Length / count)];
    }

    public float[] Rows { get; }

    public int Count { get; }

    public int Columns => Rows.Length / Count;

    public int[] Classes { get; }

    public IReadOnlyList<string> Ids { get; }

    public ReadOnlySpan<float> Row(int index) => Rows.AsSpan(index * Columns, Columns);

    /// <summary>The <paramref name="wanted"/> rows nearest in Euclidean distance, nearest first, among those that <paramref name="accept"/> takes.</summary>
    public IReadOnlyList<(int Row, double Distance)> Nearest(ReadOnlySpan<float> row, int wanted, Func<int, bool>? accept = null)
    {
        if (row.Length != Columns)
        {
            throw new ArgumentException($"the row has {row.Length} columns, the reference {Columns}", nameof(row));
        }

        var scaled = new float[Columns];
        TensorPrimitives.Multiply(row, _scale, scaled);
        var other = new float[Columns];
        var best = new PriorityQueue<int, double>();
        for (var i = 0; i < Count; i++)
        {
            if (accept is not null && !accept(i))
            {
                continue;
            }

            TensorPrimitives.Multiply(Row(i), _scale, other);
            var distance = TensorPrimitives.Distance(scaled, other);
            if (float.IsNaN(distance))
            {
                continue;
            }

            if (best.Count < wanted)
            {
                best.Enqueue(i, -distance);
            }
            else if (best.TryPeek(out _, out var worst) && -worst > distance)
            {
                best.DequeueEnqueue(i, -distance);
            }
        }

        var found = new List<(int, double)>();
        while (best.TryDequeue(out var i, out var negative))
        {
            found.Add((i, -negative));
        }

        found.Reverse();
        return found;
    }

    private static float[] Scale(float[] rows, int count)
    {
        var columns = rows.Length / count;
        var scale = new float[columns];
        for (var c = 0; c < columns; c++)
        {
            double sum = 0, squares = 0;
            for (var i = 0; i < count; i++)
            {
                double v = rows[(i * columns) + c];
                sum += v;
                squares += v * v;
            }

            var variance = (squares / count) - (sum / count * (sum / count));
            scale[c] = variance > 1e-12 ? (float)(1 / Math.Sqrt(variance)) : 1;
        }

        return scale;
    }
}
