using System.Globalization;

namespace Monitoring.Quality;

/// <summary>
/// A promise about a measure as the mean of a loss in [0, 1] (<see cref="Mean"/> is the edge): accuracy, 1 − right. F1 ≥ θ is E[2TP − θ(2TP + FP + FN)] ≥ 0, scaled to [0, 1]. AUROC: disjoint pairs of a positive and
/// a negative, 1 when they are ranked the wrong way, ½ for a tie. Log-loss, MAE and RMSE (squared): cut at ten times the promise, which can only hide harm, never make it.
/// </summary>
internal sealed class PromisedLoss
{
    private const double Cut = 10;

    /// <summary>Scores of one class that wait for one of the other.</summary>
    private const int MostWaiting = 256;

    private const double Floor = 1e-15;

    public PromisedLoss(string metric, double threshold)
    {
        (Metric, Threshold) = (metric, threshold);
        Mean = metric switch
        {
            "accuracy" or "auroc" => 1 - threshold,
            "f1" => (2 - (2 * threshold)) / (2 - threshold),
            _ => 1 / Cut,
        };
    }

    public string Metric { get; }

    public double Threshold { get; }

    /// <summary>Mean of the loss when the promise is just kept.</summary>
    public double Mean { get; }

    public bool IsShare => Metric is "accuracy" or "f1" or "auroc";

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{(IsShare ? "at least" : "at most")} {Threshold}");

    /// <summary>The loss of one labelled row; NaN where it says nothing by itself.</summary>
    /// <param name="prediction">What the model said.</param>
    /// <param name="truth">What was true.</param>
    /// <param name="waiting">Scores of a positive (&gt; 0: score + 1) or of negatives (&lt; 0: −score − 1) that wait for their pair; AUROC only.</param>
    public double Of(in Prediction prediction, double truth, List<double> waiting)
    {
        switch (Metric)
        {
            case "accuracy":
                return prediction.Class == (int)truth ? 0 : 1;
            case "f1":
                bool says = prediction.Class == 1, isTrue = truth == 1;
                var z = says && isTrue ? 2 - (2 * Threshold) : says != isTrue ? -Threshold : 0;
                return (2 - (2 * Threshold) - z) / (2 - Threshold);
            case "log-loss":
                return prediction.Probabilities.Length == 0 ? double.NaN
                    : Math.Min(1, -Math.Log(Math.Clamp(truth < prediction.Probabilities.Length ? prediction.Probabilities[(int)truth] : 0, Floor, 1)) / (Cut * Threshold));
            case "auroc":
                return prediction.Probabilities.Length == 2 ? Pair(prediction.Probabilities[1], truth == 1, waiting) : double.NaN;
            default:
                var error = Math.Abs(prediction.Value - truth) / Threshold;
                return Math.Min(1, (Metric == "rmse" ? error * error : error) / Cut);
        }
    }

    private static double Pair(double score, bool isPositive, List<double> waiting)
    {
        if (waiting.Count == 0 || waiting[0] > 0 == isPositive)
        {
            if (waiting.Count < MostWaiting)
            {
                waiting.Add(isPositive ? score + 1 : -score - 1);
            }

            return double.NaN;
        }

        var other = Math.Abs(waiting[0]) - 1;
        waiting.RemoveAt(0);
        var (positive, negative) = isPositive ? (score, other) : (other, score);
        return positive > negative ? 0 : positive == negative ? 0.5 : 1;
    }
}
