using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Outlier;

/// <summary>The kind <c>copod</c>; see README.md beside it.</summary>
public sealed class CopodKind : RowOutlierKind<CopodOptions>
{
    public override string Name => "copod";

    public override string Description => "Rows in the tails of many columns (COPOD).";

    private protected override IRowScorer Build(ReadOnlySpan<double> reference, RowEncoder encoder, CopodOptions options, ulong seed) =>
        new Copod(reference, encoder.Columns);
}
