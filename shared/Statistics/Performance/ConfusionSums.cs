using System.Runtime.InteropServices;

namespace Monitoring.Statistics;

/// <summary>Counts, or expected counts, of a binary confusion table; additive.</summary>
[StructLayout(LayoutKind.Auto)]
public readonly record struct ConfusionSums(double TruePositives, double FalsePositives, double TrueNegatives, double FalseNegatives)
{
    public double Total => TruePositives + FalsePositives + TrueNegatives + FalseNegatives;

    /// <summary>(TP + TN)/n; NaN when empty.</summary>
    public double Accuracy => (TruePositives + TrueNegatives) / Total;

    /// <summary>TP/(TP + FP); NaN without predicted positives.</summary>
    public double Precision => TruePositives / (TruePositives + FalsePositives);

    /// <summary>TP/(TP + FN): the true-positive rate; NaN without positives.</summary>
    public double Recall => TruePositives / (TruePositives + FalseNegatives);

    /// <summary>TN/(TN + FP); NaN without negatives.</summary>
    public double Specificity => TrueNegatives / (TrueNegatives + FalsePositives);

    /// <summary>2TP/(2TP + FP + FN); NaN when there is neither a positive nor a predicted one.</summary>
    public double F1 => 2 * TruePositives / ((2 * TruePositives) + FalsePositives + FalseNegatives);

    public static ConfusionSums operator +(ConfusionSums a, ConfusionSums b) => a.Add(b);

    public ConfusionSums Add(ConfusionSums other) => new(
        TruePositives + other.TruePositives,
        FalsePositives + other.FalsePositives,
        TrueNegatives + other.TrueNegatives,
        FalseNegatives + other.FalseNegatives);
}
