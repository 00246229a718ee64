namespace Monitoring.Explainer;

/// <summary>What the model looks at on average, per predicted class: the mean absolute attribution of each group, and how much lies outside a mask.</summary>
internal sealed class ClassAggregate(FeatureGroups groups, bool[]? mask = null)
{
    private readonly Dictionary<int, (int Count, double[] Sums, double Outside)> _classes = [];

    public IEnumerable<int> Classes => _classes.Keys.Order();

    /// <summary>Adds an explanation under the class it explains.</summary>
    public void Add(Attribution attribution)
    {
        if (attribution.Groups.Count != groups.Count)
        {
            throw new ArgumentException($"{attribution.Groups.Count} groups, expected {groups.Count}", nameof(attribution));
        }

        var top = attribution.TopOutput;
        var (count, sums, outside) = _classes.TryGetValue(top, out var found) ? found : (0, new double[groups.Count], 0);
        var values = attribution.Of(top);
        for (var g = 0; g < sums.Length; g++)
        {
            sums[g] += Math.Abs(values[g]);
        }

        _classes[top] = (count + 1, sums, outside + (mask is null ? 0 : attribution.ShareOutside(top, mask)));
    }

    /// <summary>Explanations added for a class.</summary>
    public int Count(int @class) => _classes.TryGetValue(@class, out var found) ? found.Count : 0;

    /// <summary>Mean absolute attribution per group.</summary>
    public double[] MeanAbsolute(int @class) => [.. _classes[@class].Sums.Select(s => s / _classes[@class].Count)];

    /// <summary>Mean share of the attribution outside the mask; NaN without a mask. A classifier of huskies that looks at the snow shows here.</summary>
    public double MeanShareOutside(int @class) => mask is null ? double.NaN : _classes[@class].Outside / _classes[@class].Count;
}
