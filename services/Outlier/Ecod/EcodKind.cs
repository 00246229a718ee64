using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Outlier;

/// <summary>The kind <c>ecod</c>; see README.md beside it.</summary>
public sealed class EcodKind : RowOutlierKind<EcodOptions>
{
    public override string Name => "ecod";

    public override string Description => "Rows in the tails of many columns (ECOD).";

    private protected override IRowScorer Build(ReadOnlySpan<double> reference, RowEncoder encoder, EcodOptions options, ulong seed) =>
        new Ecod(reference, encoder.Columns);
}
