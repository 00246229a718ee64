using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Drift;

/// <summary>The kind <c>wasserstein</c>; see README.md beside it.</summary>
public sealed class WassersteinKind : ColumnWindowKind<WassersteinOptions>
{
    public override string Name => "wasserstein";

    public override string Description => "Columns whose values moved, by how much in their own unit (Wasserstein-1).";

    private protected override string Statistic => "W1";

    private protected override bool Applies(FeatureSchema feature) => feature.Type != FeatureType.Categorical;

    private protected override TestResult Test(ReferenceColumn reference, double[] window, WassersteinOptions options, ulong seed) =>
        WassersteinPermutation.Test(reference.Values, window, options.Permutations, seed);
}
