using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Drift;

/// <summary>The kind <c>chi2</c>; see README.md beside it.</summary>
public sealed class ChiSquareKind : ColumnWindowKind<ChiSquareOptions>
{
    public override string Name => "chi2";

    public override string Description => "Categories whose shares moved, unseen ones among them (Pearson).";

    private protected override string Statistic => "chi-square";

    private protected override bool Applies(FeatureSchema feature) => feature.Type == FeatureType.Categorical;

    private protected override TestResult Test(ReferenceColumn reference, double[] window, ChiSquareOptions options, ulong seed) =>
        CategoryCounts.Test(reference, window);
}
