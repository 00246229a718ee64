namespace Monitoring.Explainer;

/// <summary>How much each group moved each output.</summary>
/// <param name="Method">Name of the method.</param>
/// <param name="Groups">What the values belong to.</param>
/// <param name="Values">groups × outputs, row-major: attribution of a group to an output.</param>
/// <param name="Base">Per output: value at the background.</param>
/// <param name="Value">Per output: value at the explained row.</param>
/// <param name="Rows">Model rows spent.</param>
internal sealed record Attribution(string Method, FeatureGroups Groups, double[] Values, double[] Base, double[] Value, int Rows)
{
    /// <summary>Standard errors of <see cref="Values"/>, where the method samples.</summary>
    public double[]? StandardErrors { get; init; }

    public int Outputs => Base.Length;

    /// <summary>Attributions of all groups to one output.</summary>
    public double[] Of(int output) => [.. Enumerable.Range(0, Groups.Count).Select(g => Values[(g * Outputs) + output])];

    /// <summary>Output with the largest value at the explained row.</summary>
    public int TopOutput => Array.IndexOf(Value, Value.Max());

    /// <summary>
    /// The attributions to one output spread over the columns of the row: each column gets its group's value divided by the
    /// group's number of columns, so that the sum stays.
    /// </summary>
    public double[] PerColumn(int output)
    {
        var sizes = new int[Groups.Count];
        foreach (var group in Groups.GroupOf)
        {
            sizes[group]++;
        }

        return [.. Groups.GroupOf.Select(g => Values[(g * Outputs) + output] / sizes[g])];
    }

    /// <summary>Share of the absolute attribution that lies outside of <paramref name="mask"/>, in [0, 1]; 0 where nothing is attributed.</summary>
    /// <param name="output">Output.</param>
    /// <param name="mask">Per column of the row: true inside.</param>
    public double ShareOutside(int output, ReadOnlySpan<bool> mask)
    {
        if (mask.Length != Groups.Columns)
        {
            throw new ArgumentException($"the mask has {mask.Length} columns, the row {Groups.Columns}", nameof(mask));
        }

        double inside = 0, outside = 0;
        var columns = PerColumn(output);
        for (var i = 0; i < columns.Length; i++)
        {
            if (mask[i])
            {
                inside += Math.Abs(columns[i]);
            }
            else
            {
                outside += Math.Abs(columns[i]);
            }
        }

        return inside + outside == 0 ? 0 : outside / (inside + outside);
    }
}
