using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Outlier;

/// <summary>The kind <c>isolation-forest</c>; see README.md beside it.</summary>
public sealed class IsolationForestKind : RowOutlierKind<IsolationForestOptions>
{
    public override string Name => "isolation-forest";

    public override string Description => "Rows that few random cuts isolate.";

    private protected override IRowScorer Build(ReadOnlySpan<double> reference, RowEncoder encoder, IsolationForestOptions options, ulong seed) =>
        IsolationForest.Train(reference, encoder.Columns, unchecked((int)seed), options.Trees, options.SampleSize);
}
