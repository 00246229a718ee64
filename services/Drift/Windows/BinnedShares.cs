using Monitoring.Statistics;

namespace Monitoring.Drift;

/// <summary>Counts of reference and window over the same bins: quantile bins of the reference for numbers, categories with one bin for the unseen.</summary>
internal static class BinnedShares
{
    public static (double[] Reference, double[] Window) Of(ReferenceColumn reference, double[] window, int bins)
    {
        if (reference.Categories > 0)
        {
            return ([.. reference.Masses.Select(m => m - 0.5)], reference.Count(window));
        }

        var quantiles = new QuantileBins(reference.Values, bins);
        return (quantiles.ReferenceCounts, quantiles.Count(window));
    }
}
