namespace Monitoring.Statistics;

/// <summary>Area under the ROC curve: the probability that a positive scores above a negative, ties counting half.</summary>
public static class RankedClassification
{
    /// <summary>AUROC of scores for labels (true = positive); NaN when a class is missing. Scores must not be NaN.</summary>
    public static double AreaUnderRoc(ReadOnlySpan<double> scores, ReadOnlySpan<bool> labels)
    {
        if (scores.Length != labels.Length)
        {
            throw new ArgumentException($"{scores.Length} scores, {labels.Length} labels", nameof(labels));
        }

        var sorted = scores.ToArray();
        var sortedLabels = labels.ToArray();
        Array.Sort(sorted, sortedLabels);
        double below = 0, pairs = 0, positives = 0;
        for (var i = 0; i < sorted.Length;)
        {
            double tiedPositives = 0, tied = 0;
            var at = sorted[i];
            for (; i < sorted.Length && (sorted[i] == at || double.IsNaN(at)); i++)
            {
                tied++;
                tiedPositives += sortedLabels[i] ? 1 : 0;
            }

            pairs += tiedPositives * (below + ((tied - tiedPositives) / 2));
            below += tied - tiedPositives;
            positives += tiedPositives;
        }

        return positives == 0 || below == 0 ? double.NaN : pairs / (positives * below);
    }

    /// <summary>
    /// Expected AUROC when only the probability of being positive is known: trapezoids over cumulated p and 1 − p in the
    /// order of the raw score, ties as one step. NaN when a class has no expected mass.
    /// </summary>
    public static double ExpectedAreaUnderRoc(ReadOnlySpan<double> scores, ReadOnlySpan<double> probabilities)
    {
        if (scores.Length != probabilities.Length)
        {
            throw new ArgumentException($"{scores.Length} scores, {probabilities.Length} probabilities", nameof(probabilities));
        }

        var sorted = scores.ToArray();
        var p = probabilities.ToArray();
        Array.Sort(sorted, p);
        double negativesBelow = 0, area = 0, positives = 0;
        for (var i = 0; i < sorted.Length;)
        {
            double positive = 0, negative = 0;
            var at = sorted[i];
            for (; i < sorted.Length && (sorted[i] == at || double.IsNaN(at)); i++)
            {
                positive += p[i];
                negative += 1 - p[i];
            }

            area += positive * (negativesBelow + (negative / 2));
            negativesBelow += negative;
            positives += positive;
        }

        return positives > 0 && negativesBelow > 0 ? area / (positives * negativesBelow) : double.NaN;
    }
}
