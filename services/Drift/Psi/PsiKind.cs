using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Drift;

/// <summary>The kind <c>psi</c>; see README.md beside it.</summary>
public sealed class PsiKind : ColumnWindowKind<PsiOptions>
{
    public override string Name => "psi";

    public override string Description => "Columns whose bin shares moved (population stability index).";

    private protected override string Statistic => "PSI";

    private protected override bool Applies(FeatureSchema feature) => true;

    private protected override TestResult Test(ReferenceColumn reference, double[] window, PsiOptions options, ulong seed)
    {
        var (expected, observed) = BinnedShares.Of(reference, window, options.Bins);
        var psi = DistributionDistance.PopulationStabilityIndex(expected, observed);
        return new TestResult(psi, DistributionDistance.PopulationStabilityPValue(psi, expected.Length, expected.Sum(), observed.Sum()));
    }
}
