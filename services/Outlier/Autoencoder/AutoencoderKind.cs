using Monitoring.Detection;

namespace Monitoring.Outlier;

/// <summary>The kind <c>autoencoder</c>; see README.md beside it.</summary>
public sealed class AutoencoderKind(RowGraphs graphs) : GraphScoreKind<AutoencoderOptions>(graphs)
{
    public override string Name => "autoencoder";

    public override string Description => "Rows that an ONNX autoencoder rebuilds badly.";

    private protected override string OutputOf(RowGraph graph, int width, AutoencoderOptions options)
    {
        foreach (var output in graph.Outputs.Select(o => o.Name).Where(o => options.Output.Length == 0 || o == options.Output))
        {
            if (graph.Run(new float[width], 1, output, CancellationToken.None).Width == width)
            {
                return output;
            }
        }

        throw new FitException($"autoencoder: {options.File} has no output{(options.Output.Length > 0 ? $" '{options.Output}'" : "")} of {width} numbers a row, as its input has; it has: {string.Join(", ", graph.Outputs.Select(o => $"{o.Name} {o.ShapeText}"))}");
    }

    private protected override float[] Score(RowGraph graph, string output, RowRepair repair, RowBatch rows, bool standardise, CancellationToken cancellationToken)
    {
        var (values, missing) = repair.Repair(rows);
        var width = rows.Width;
        var rebuilt = graph.Run(values, rows.Count, output, cancellationToken).Values;
        var scores = new float[rows.Count];
        for (var r = 0; r < scores.Length; r++)
        {
            double error = 0;
            var row = rows.Input(r);
            for (var c = 0; c < width; c++)
            {
                var at = (r * width) + c;
                var deviation = repair.Deviations[c];

                // A missing value is an error of one standard deviation, whatever was put in its place.
                var difference = float.IsNaN(row[c]) ? deviation : values[at] - (double)rebuilt[at];
                difference = standardise ? difference / deviation : difference;
                error += difference * difference / width;
            }

            scores[r] = missing[r] == width ? float.MaxValue : RowOutlierMonitor.Narrow(error);
        }

        return scores;
    }
}
