using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Outlier;

/// <summary>The kind <c>knn</c>; see README.md beside it.</summary>
public sealed class KnnKind(NeighbourSearches searches) : RowOutlierKind<KnnOptions>
{
    public override string Name => "knn";

    public override string Description => "Rows far from their k-th nearest neighbour in the reference.";

    private protected override bool LeavesOneOut => true;

    private protected override IRowScorer Build(ReadOnlySpan<double> reference, RowEncoder encoder, KnnOptions options, ulong seed) =>
        new NeighbourScorer(reference, encoder.Columns, options.K, options.Method, searches.Of(options.Search));
}
