using System.Numerics.Tensors;
using Monitoring.Detection;
using Monitoring.Scoring;

namespace Monitoring.Adversarial;

/// <summary>How much the answer changes when the input is squeezed, for each squeezer apart, and 1 − the top probability.</summary>
internal sealed class FeatureSqueezingMonitor(ScoringModel model, ModelDescription description, FeatureSqueezingOptions options, ClassCalibration[] calibrations, ulong seed)
    : ConformalHitMonitor(Names(options), calibrations, options, seed)
{
    protected override string Sentence => "are answered differently once squeezed, or with unusual doubt";

    public static string[] Names(FeatureSqueezingOptions options) => options.Median > 1 ? ["depth", "median", "doubt"] : ["depth", "doubt"];

    protected override void Score(RowBatch rows, Span<float> scores, CancellationToken cancellationToken) => Score(rows, model, description, options, scores, cancellationToken);

    /// <summary>Fills rows × squeezers + 1: the L1 distance between the answers to the input and to the squeezed input (0 to 2).</summary>
    internal static void Score(RowBatch rows, ScoringModel model, ModelDescription description, FeatureSqueezingOptions options, Span<float> scores, CancellationToken cancellationToken)
    {
        var layout = description.Schema.Image!;
        var probabilities = description.IndexOf(OutputRole.Probabilities);
        var columns = Names(options).Length;
        var classes = description.Outputs[probabilities].Width;
        for (var squeezer = 0; squeezer < columns - 1; squeezer++)
        {
            var squeezed = new float[rows.Count * rows.Width];
            for (var row = 0; row < rows.Count; row++)
            {
                var target = squeezed.AsSpan(row * rows.Width, rows.Width);
                if (squeezer == 0)
                {
                    Squeezers.ReduceDepth(rows.Input(row), layout, options.Bits, target);
                }
                else
                {
                    Squeezers.Median(rows.Input(row), layout, options.Median, target);
                }
            }

            var answers = ServedModels.Probabilities(model, description, squeezed, rows.Count, cancellationToken);
            for (var row = 0; row < rows.Count; row++)
            {
                float distance = 0;
                var before = rows.Output(probabilities, row);
                for (var i = 0; i < before.Length; i++)
                {
                    distance += Math.Abs(before[i] - answers[(row * classes) + i]);
                }

                scores[(row * columns) + squeezer] = before.Length == 0 ? float.NaN : distance;
            }
        }

        for (var row = 0; row < rows.Count; row++)
        {
            scores[(row * columns) + columns - 1] = ClassMahalanobisMonitor.Doubt(rows, probabilities, row);
        }
    }
}
