using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Drift;

/// <summary>The kind <c>jensen-shannon</c>; see README.md beside it.</summary>
public sealed class JensenShannonKind : ColumnWindowKind<JensenShannonOptions>
{
    public override string Name => "jensen-shannon";

    public override string Description => "Columns whose bin shares moved (Jensen-Shannon distance).";

    private protected override string Statistic => "JS";

    private protected override bool Applies(FeatureSchema feature) => true;

    private protected override TestResult Test(ReferenceColumn reference, double[] window, JensenShannonOptions options, ulong seed)
    {
        var (expected, observed) = BinnedShares.Of(reference, window, options.Bins);
        var distance = DistributionDistance.JensenShannon(expected, observed);
        double n = expected.Sum(), m = observed.Sum();

        // Near equality the divergence in nats is an eighth of Pearson's distance: 8 · JSD · nm/(n + m) tends to χ² with K − 1 degrees of freedom.
        var p = n > 0 && m > 0 && expected.Length > 1
            ? SpecialFunctions.ChiSquareUpperTail(8 * distance * distance * Math.Log(2) * n * m / (n + m), expected.Length - 1)
            : 1;
        return new TestResult(distance, p);
    }
}
