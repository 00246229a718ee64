using System.Numerics.Tensors;
using Monitoring.Detection;

namespace Monitoring.Adversarial;

/// <summary>Distance of the exported layer to the nearest class, and 1 − the top probability.</summary>
internal sealed class ClassMahalanobisMonitor(ClassDistance distance, int output, ClassCalibration[] calibrations, ConformalOptions options, ulong seed)
    : ConformalHitMonitor(["class distance", "doubt"], calibrations, options, seed)
{
    protected override string Sentence => "look adversarial: far from every class, or answered with unusual doubt";

    protected override void Score(RowBatch rows, Span<float> scores, CancellationToken cancellationToken) => Score(rows, distance, output, scores);

    /// <summary>Fills rows × 2.</summary>
    internal static void Score(RowBatch rows, ClassDistance distance, int output, Span<float> scores)
    {
        var probabilities = rows.Model.IndexOf(OutputRole.Probabilities);
        for (var row = 0; row < rows.Count; row++)
        {
            scores[row * 2] = rows.HasOutput(output) ? distance.Score(rows.Output(output, row)) : float.NaN;
            scores[(row * 2) + 1] = Doubt(rows, probabilities, row);
        }
    }

    /// <summary>1 − the top probability; NaN without probabilities.</summary>
    internal static float Doubt(RowBatch rows, int probabilities, int row) =>
        rows.HasOutput(probabilities) && rows.Output(probabilities, row).Length > 1 ? 1 - TensorPrimitives.Max(rows.Output(probabilities, row)) : float.NaN;
}
