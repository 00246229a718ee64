namespace Monitoring.Detection;

/// <summary>How two profiles differ.</summary>
/// <param name="Distance">Mean over common variables of the largest quantile movement.</param>
/// <param name="Variables">Variables of both, the most moved first: the largest movement of a quantile in standard deviations of the first.</param>
/// <param name="OnlyFirst">Variables that only the first has.</param>
/// <param name="OnlySecond">Variables that only the second has.</param>
public sealed record ProfileDifference(double Distance, IReadOnlyList<(string Variable, double Movement)> Variables, IReadOnlyList<string> OnlyFirst, IReadOnlyList<string> OnlySecond)
{
    public static ProfileDifference Between(Profile first, Profile second)
    {
        var a = Index(first);
        var b = Index(second);
        var common = a.Keys.Where(b.ContainsKey).Select(k => (Variable: k, Movement: Movement(a[k], b[k])))
            .OrderByDescending(m => m.Movement).ThenBy(m => m.Variable, StringComparer.Ordinal).ToList();
        return new ProfileDifference(
            common.Count == 0 ? 0 : common.Average(m => m.Movement),
            common,
            [.. a.Keys.Where(k => !b.ContainsKey(k))],
            [.. b.Keys.Where(k => !a.ContainsKey(k))]);
    }

    private static SortedDictionary<string, VariableProfile> Index(Profile profile)
    {
        var result = new SortedDictionary<string, VariableProfile>(StringComparer.Ordinal);
        foreach (var monitor in profile.Monitors)
        {
            foreach (var variable in monitor.Variables.Where(v => v.Quantiles.Count > 0))
            {
                result[$"{monitor.Name}/{variable.Name}"] = variable;
            }
        }

        return result;
    }

    /// <summary>The outermost quantiles are left out: two samples of one population differ there.</summary>
    private static double Movement(VariableProfile a, VariableProfile b)
    {
        var largest = 0.0;
        for (var q = 1; q < a.Quantiles.Count - 1; q++)
        {
            largest = Math.Max(largest, Math.Abs(a.Quantiles[q] - b.Quantiles[q]));
        }

        return largest == 0 ? 0 : largest / (a.StandardDeviation > 0 ? a.StandardDeviation : Math.Abs(a.Mean) + 1e-12);
    }
}
