using Monitoring.Detection;

namespace Monitoring.Adversarial;

/// <summary>Residual outside the clean subspace, and distance of the exported layer to the nearest class.</summary>
internal sealed class OffManifoldMonitor(Subspace subspace, ClassDistance? distance, int output, ClassCalibration[] calibrations, ConformalOptions options, ulong seed)
    : ConformalHitMonitor(distance is null ? ["residual"] : ["residual", "class distance"], calibrations, options, seed)
{
    protected override string Sentence => "lie off what the model was made for";

    protected override void Score(RowBatch rows, Span<float> scores, CancellationToken cancellationToken) => Score(rows, subspace, distance, output, scores);

    /// <summary>Fills rows × (1 or 2).</summary>
    internal static void Score(RowBatch rows, Subspace subspace, ClassDistance? distance, int output, Span<float> scores)
    {
        var columns = distance is null ? 1 : 2;
        for (var row = 0; row < rows.Count; row++)
        {
            scores[row * columns] = subspace.Residual(rows.Input(row));
            if (distance is not null)
            {
                scores[(row * columns) + 1] = rows.HasOutput(output) ? distance.Score(rows.Output(output, row)) : float.NaN;
            }
        }
    }
}
