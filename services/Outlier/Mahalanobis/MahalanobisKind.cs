using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Outlier;

/// <summary>The kind <c>mahalanobis</c>; see README.md beside it.</summary>
public sealed class MahalanobisKind : RowOutlierKind<MahalanobisOptions>
{
    public override string Name => "mahalanobis";

    public override string Description => "Rows far from the mean in the metric of the covariance.";

    private protected override IRowScorer Build(ReadOnlySpan<double> reference, RowEncoder encoder, MahalanobisOptions options, ulong seed) =>
        new Mahalanobis(reference, encoder.Columns);
}
