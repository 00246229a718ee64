using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Outlier;

/// <summary>The kind <c>hbos</c>; see README.md beside it.</summary>
public sealed class HbosKind : RowOutlierKind<HbosOptions>
{
    public override string Name => "hbos";

    public override string Description => "Rows in thin bins of many columns'\'' histograms.";

    private protected override IRowScorer Build(ReadOnlySpan<double> reference, RowEncoder encoder, HbosOptions options, ulong seed) =>
        new HistogramScorer(reference, encoder.Columns, options.Bins, options.Alpha, options.Tolerance);
}
