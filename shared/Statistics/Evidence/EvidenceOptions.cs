namespace Monitoring.Statistics;

/// <summary>Constants of an evidence bank (RUNTIME 2). The defaults are the ones whose delays and false alarms were measured; see docs/reference/budget.md.</summary>
public sealed record EvidenceOptions
{
    /// <summary>δ, from 0 (exact equality is tested) to below 1: no bin's share may move by more than a factor 1 ± δ.</summary>
    public double Tolerance { get; init; } = 0.1;

    /// <summary>c: how many reference draws the bet's prior counts.</summary>
    public double PriorStrength { get; init; } = 10;

    /// <summary>λ of the forgetting bets, each in (0, 1).</summary>
    public IReadOnlyList<double> Forgetting { get; init; } = [0.99, 0.998, 0.9995];

    /// <summary>
    /// Concentration s of the null urn, or null for M, the number of reference spacings. Streams that belong to one
    /// client are not draws from the pool: their urn is π(k) = (s·m_k/M + n_k)/(s + t) with s fitted to the spread
    /// between honest clients (RUNTIME 6; <see cref="ClientSpread"/>).
    /// </summary>
    public double? Concentration { get; init; }

    /// <summary>
    /// H, the time over which SR forgets, or null for never: SR ← r·(SR·H/(H + Δt) + Δt), at most the SR value without it. A
    /// bet inside the tolerance has r = 1 exactly, and SR then grows like a clock: without a horizon a calm stream alarms
    /// about once per period/b, on time (docs/adr/0031). Same unit as the clock. <see cref="ForLevel"/> chooses it.
    /// </summary>
    public double? Horizon { get; init; }

    /// <summary>Draws after which the slowest bet has forgotten, 1/(1 − max λ): the window of the re-arm rule (RUNTIME 3).</summary>
    public int Window => (int)Math.Round(1 / (1 - Forgetting.Max()));

    /// <summary>These options with the horizon that fits a level in units of the mean time between draws: half the level.</summary>
    public EvidenceOptions ForLevel(double level) => Horizon is null ? this with { Horizon = level / 2 } : this;

    /// <exception cref="ArgumentException">A constant is out of its range; the message names it.</exception>
    internal void Validate()
    {
        if (!(Tolerance >= 0 && Tolerance < 1))
        {
            throw new ArgumentException($"tolerance {Tolerance} is not in [0, 1)");
        }

        if (!(PriorStrength > 0 && double.IsFinite(PriorStrength)))
        {
            throw new ArgumentException($"prior strength {PriorStrength} is not positive");
        }

        if (Forgetting.Count == 0 || Forgetting.Any(l => !(l > 0 && l < 1)))
        {
            throw new ArgumentException($"forgetting factors [{string.Join(", ", Forgetting)}] must be one or more numbers in (0, 1)");
        }

        if (Concentration is { } s && !(s > 0 && double.IsFinite(s)))
        {
            throw new ArgumentException($"concentration {s} is not positive");
        }

        if (Horizon is { } h && !(h > 0 && double.IsFinite(h)))
        {
            throw new ArgumentException($"horizon {h} is not positive");
        }
    }
}
