using Monitoring.Detection;
using Monitoring.Scoring;

namespace Monitoring.Outlier;

/// <summary>The kind <c>onnx</c>; see README.md beside it.</summary>
public sealed class OnnxKind(RowGraphs graphs) : GraphScoreKind<OnnxOptions>(graphs)
{
    private const string Usual = "score";

    public override string Name => "onnx";

    public override string Description => "Rows to which an ONNX graph of your own gives an unusual score.";

    private protected override string OutputOf(RowGraph graph, int width, OnnxOptions options)
    {
        var output = options.Output.Length > 0 ? options.Output : Usual;
        if (graph.Outputs.All(o => o.Name != output))
        {
            throw new FitException($"onnx: {options.File} has no output '{output}'; it has: {string.Join(", ", graph.Outputs.Select(o => o.Name))}");
        }

        var (_, found) = graph.Run(new float[width], 1, output, CancellationToken.None);
        return found == 1 ? output : throw new FitException($"onnx: output '{output}' of {options.File} has {found} numbers a row; one score is needed");
    }

    // As they are: how the graph takes a missing value is its own business.
    private protected override float[] Score(RowGraph graph, string output, RowRepair repair, RowBatch rows, bool standardise, CancellationToken cancellationToken) =>
        graph.Run(rows.Inputs, rows.Count, output, cancellationToken).Values;
}
