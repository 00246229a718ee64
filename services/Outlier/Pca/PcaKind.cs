using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Outlier;

/// <summary>The kind <c>pca</c>; see README.md beside it.</summary>
public sealed class PcaKind : RowOutlierKind<PcaOptions>
{
    public override string Name => "pca";

    public override string Description => "Rows far out along the principal components, in units of their spread.";

    private protected override IRowScorer Build(ReadOnlySpan<double> reference, RowEncoder encoder, PcaOptions options, ulong seed) =>
        new PrincipalComponents(reference, encoder.Columns, options.Components);
}
