using Monitoring.Statistics;

namespace Monitoring.Detection;

/// <summary>Numbers that say how sure a classifier was of a row.</summary>
public static class OutputScores
{
    /// <summary>Entropy in nats; one number p is the probability of the positive class; NaN for an output that did not come.</summary>
    public static float Entropy(ReadOnlySpan<float> probabilities) => probabilities.Length switch
    {
        0 => float.NaN,
        1 => (float)ImageStatistics.Entropy([probabilities[0], 1 - probabilities[0]]),
        _ => (float)ImageStatistics.Entropy(probabilities),
    };

    /// <summary>1 − the largest probability; NaN for an output that did not come.</summary>
    public static float Doubt(ReadOnlySpan<float> probabilities)
    {
        if (probabilities.Length == 0)
        {
            return float.NaN;
        }

        var greatest = probabilities.Length == 1 ? MathF.Max(probabilities[0], 1 - probabilities[0]) : float.NegativeInfinity;
        foreach (var p in probabilities)
        {
            greatest = MathF.Max(greatest, p);
        }

        return 1 - greatest;
    }

    /// <summary>Probabilities of logits, in place; one logit is that of the positive class against 0.</summary>
    public static void Softmax(Span<float> logits)
    {
        if (logits.Length == 1)
        {
            logits[0] = 1 / (1 + MathF.Exp(-logits[0]));
            return;
        }

        var greatest = float.NegativeInfinity;
        foreach (var logit in logits)
        {
            greatest = MathF.Max(greatest, logit);
        }

        var total = 0f;
        foreach (ref var logit in logits)
        {
            logit = MathF.Exp(logit - greatest);
            total += logit;
        }

        foreach (ref var logit in logits)
        {
            logit /= total;
        }
    }
}
