namespace Monitoring.Leakage;

/// <summary>
/// Exposure of a canary (N. Carlini et al., "The Secret Sharer", USENIX Security 2019): log2 |R| − log2 rank, estimated by interpolation among N references that were
/// drawn like the canary and not planted: log2 N − log2(1 + number of references with a smaller loss), at most log2 N.
/// </summary>
internal static class CanaryExposure
{
    /// <param name="loss">The model's loss on the canary (log-perplexity, −ln p of the planted label).</param>
    /// <param name="references">Losses on references, at least one.</param>
    public static double Of(double loss, ReadOnlySpan<double> references)
    {
        if (references.IsEmpty)
        {
            throw new ArgumentException("exposure needs references", nameof(references));
        }

        var below = 0;
        foreach (var reference in references)
        {
            if (reference < loss)
            {
                below++;
            }
        }

        return Math.Log2(references.Length) - Math.Log2(1 + below);
    }

    /// <summary>
    /// One-sided rank-sum p-value (normal approximation with tie correction left out; Wilcoxon 1945) that canaries have smaller losses than references.
    /// </summary>
    public static double RankTest(ReadOnlySpan<double> canaries, ReadOnlySpan<double> references)
    {
        var pooled = references.ToArray();
        Array.Sort(pooled);
        double wins = 0;
        foreach (var canary in canaries)
        {
            var place = Array.BinarySearch(pooled, canary);
            place = place < 0 ? ~place : place;
            wins += pooled.Length - place;
        }

        double n = canaries.Length, m = pooled.Length;
        var z = (wins - (n * m / 2)) / Math.Sqrt(n * m * (n + m + 1) / 12);
        return Statistics.SpecialFunctions.NormalUpperTail(z);
    }
}
