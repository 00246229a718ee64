using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Drift;

/// <summary>The kind <c>ks</c>; see README.md beside it.</summary>
public sealed class KsKind : ColumnWindowKind<KsOptions>
{
    public override string Name => "ks";

    public override string Description => "Columns whose distribution function moved (Kolmogorov-Smirnov).";

    private protected override string Statistic => "D";

    private protected override bool Applies(FeatureSchema feature) => feature.Type != FeatureType.Categorical;

    private protected override TestResult Test(ReferenceColumn reference, double[] window, KsOptions options, ulong seed) =>
        KolmogorovSmirnov.Test(reference.Values, window);
}
