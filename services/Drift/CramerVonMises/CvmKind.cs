using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Drift;

/// <summary>The kind <c>cvm</c>; see README.md beside it.</summary>
public sealed class CvmKind : ColumnWindowKind<CvmOptions>
{
    public override string Name => "cvm";

    public override string Description => "Columns whose distribution function moved (Cramér-von Mises).";

    private protected override string Statistic => "T";

    private protected override bool Applies(FeatureSchema feature) => feature.Type != FeatureType.Categorical;

    private protected override TestResult Test(ReferenceColumn reference, double[] window, CvmOptions options, ulong seed) =>
        CramerVonMises.Test(reference.Values, window);
}
