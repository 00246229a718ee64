using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Outlier;

/// <summary>The kind <c>lof</c>; see README.md beside it.</summary>
public sealed class LofKind(NeighbourSearches searches) : RowOutlierKind<LofOptions>
{
    public override string Name => "lof";

    public override string Description => "Rows in sparser surroundings than their neighbours are.";

    private protected override bool LeavesOneOut => true;

    private protected override IRowScorer Build(ReadOnlySpan<double> reference, RowEncoder encoder, LofOptions options, ulong seed) =>
        new LocalOutlierFactor(reference, encoder.Columns, options.K, searches.Of(NeighbourSearchKind.Auto));
}
