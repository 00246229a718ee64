using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Outlier;

/// <summary>The kind <c>outlier</c>; see README.md beside it.</summary>
public sealed class OutlierKind : RowOutlierKind<OutlierOptions>
{
    public override string Name => "outlier";

    public override string Description => "Rows unlike the reference: a calibrated combination that needs no tuning.";

    private protected override bool LeavesOneOut => true;

    private protected override IRowScorer Build(ReadOnlySpan<double> reference, RowEncoder encoder, OutlierOptions options, ulong seed) =>
        new NeighbourViews(reference, encoder.Columns, Views(encoder));

    // The full scaling, and one half way (in logarithms) to the columns' own units, which keeps wide columns wide.
    private static double[][] Views(RowEncoder encoder)
    {
        var full = new double[encoder.Columns];
        var half = new double[encoder.Columns];
        double logs = 0;
        var varying = 0;
        foreach (var deviation in encoder.Deviations)
        {
            logs += deviation == 1 ? 0 : Math.Log(deviation);
            varying += deviation == 1 ? 0 : 1;
        }

        var typical = varying > 0 ? logs / varying : 0;
        for (var c = 0; c < full.Length; c++)
        {
            // A deviation of exactly 1 is a constant column's.
            var deviation = encoder.Deviations[c];
            var exponent = deviation == 1 ? 0 : 0.5 * (Math.Log(deviation) - typical);
            full[c] = encoder.Standardises || deviation == 1 ? 1 : Math.Exp(typical) / deviation;
            half[c] = encoder.Standardises ? Math.Exp(exponent) : 1;
        }

        return encoder.Standardises ? [full, half] : [half];
    }
}
