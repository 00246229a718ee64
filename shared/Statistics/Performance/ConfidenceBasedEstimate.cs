using System.Runtime.InteropServices;

namespace Monitoring.Statistics;

/// <summary>
/// Confidence-based performance estimation (CBPE): what calibrated probabilities p say about a binary model's performance
/// before labels come. TP = Σ p over predicted positives, FP = Σ (1 − p) over them, FN and TN likewise over predicted
/// negatives. Blind to concept drift, and outside the reference's region.
/// </summary>
[StructLayout(LayoutKind.Auto)]
public readonly record struct ConfidenceBasedEstimate(ConfusionSums Expected, double AreaUnderRoc)
{
    /// <param name="scores">Raw positive-class scores.</param>
    /// <param name="predicted">The model's decisions.</param>
    /// <param name="calibration">Maps a raw score to a probability; null when the scores are calibrated already.</param>
    public static ConfidenceBasedEstimate Of(ReadOnlySpan<double> scores, ReadOnlySpan<bool> predicted, IsotonicCalibration? calibration)
    {
        if (scores.Length != predicted.Length)
        {
            throw new ArgumentException($"{scores.Length} scores, {predicted.Length} predictions", nameof(predicted));
        }

        // Sorted once: the calibrated probability then comes from a walk, and the ROC curve from the same order.
        var sorted = scores.ToArray();
        var decisions = predicted.ToArray();
        Array.Sort(sorted, decisions);
        double tp = 0, fp = 0, tn = 0, fn = 0, negativesBelow = 0, area = 0;
        for (var i = 0; i < sorted.Length;)
        {
            var at = sorted[i];
            var p = calibration is null ? at : calibration.Calibrate(at);
            var start = i;
            for (; i < sorted.Length && (sorted[i] == at || double.IsNaN(at)); i++)
            {
                if (decisions[i])
                {
                    tp += p;
                    fp += 1 - p;
                }
                else
                {
                    fn += p;
                    tn += 1 - p;
                }
            }

            double count = i - start;
            area += p * count * (negativesBelow + ((1 - p) * count / 2));
            negativesBelow += (1 - p) * count;
        }

        var positives = tp + fn;
        return new ConfidenceBasedEstimate(
            new ConfusionSums(tp, fp, tn, fn),
            positives > 0 && negativesBelow > 0 ? area / (positives * negativesBelow) : double.NaN);
    }
}
