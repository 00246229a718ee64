namespace Monitoring.Explainer;

/// <summary>Rows that stand for "this group is absent": the value of a coalition is the mean over them.</summary>
/// <param name="Rows">count × columns, row-major, at least one row.</param>
/// <param name="Count">Rows.</param>
internal sealed record Background(float[] Rows, int Count)
{
    public int Columns => Rows.Length / Count;

    public ReadOnlySpan<float> Row(int index) => Rows.AsSpan(index * Columns, Columns);

    /// <summary>The one row of column means: the cheapest background.</summary>
    public static Background Mean(ReadOnlySpan<float> rows, int count)
    {
        var columns = rows.Length / count;
        var sums = new double[columns];
        for (var i = 0; i < rows.Length; i++)
        {
            sums[i % columns] += rows[i];
        }

        return new Background([.. sums.Select(s => (float)(s / count))], 1);
    }

    /// <summary><paramref name="wanted"/> rows drawn without replacement with a seed; all rows where there are no more.</summary>
    public static Background Sample(ReadOnlySpan<float> rows, int count, int wanted, int seed)
    {
        if (wanted >= count)
        {
            return new Background(rows.ToArray(), count);
        }

        var columns = rows.Length / count;
        var order = Enumerable.Range(0, count).ToArray();
        new Random(seed).Shuffle(order);
        Array.Sort(order, 0, wanted);
        var chosen = new float[wanted * columns];
        for (var i = 0; i < wanted; i++)
        {
            rows.Slice(order[i] * columns, columns).CopyTo(chosen.AsSpan(i * columns));
        }

        return new Background(chosen, wanted);
    }
}
