namespace Monitoring.Statistics;

/// <summary>
/// The smallest lasting change that a reference can ever prove at a budget (RUNTIME 2, "Reach"): the urn learns from the stream
/// too, so evidence against a finite reference is bounded, and below some shift no number of events suffices.
/// </summary>
/// <param name="Shift">Smallest shift found, in standard deviations of the variable's normal score; +∞ where even 4σ is out of reach.</param>
/// <param name="Draws">Draws after which a change of this size is expected to be found.</param>
public readonly record struct Reach(double Shift, double Draws)
{
    /// <summary>`fit` warns when the reach is worse.</summary>
    public const double Warning = 0.25;

    private const double Most = 4;
    private const int Horizon = 200_000;

    /// <summary>Whether the reference is too small for the budget.</summary>
    public bool Insufficient => Shift > Warning;

    /// <summary>
    /// Follows the expected evidence along the mean path: the stream's bins have the shares p of a shifted normal score, urn
    /// and bets move with their expected counts, each bet loses (K − 1)/(2·n_eff) nats a draw to its own noise, n_eff = (1 +
    /// λ)/(1 − λ), and the evidence of a pair is the greatest sum of E_p[ln r]. Reached where the bank's mean, that is the
    /// strongest pair less ln(pairs), comes to the level. Bisection over the shift to 0.005σ. An approximation of the median;
    /// checked against simulation in docs/reference/budget.md.
    /// </summary>
    /// <param name="reference">The reference; of several slots, the median covered one is looked at.</param>
    /// <param name="level">The stream's level, divided by its weight where variables are combined.</param>
    /// <param name="options">Constants of the bank.</param>
    public static Reach Of(StreamReference reference, double level, EvidenceOptions? options = null)
    {
        options ??= new EvidenceOptions();
        options.Validate();
        if (!(DrawsUntil(reference, level, options, Most) is { } farthest))
        {
            return new Reach(double.PositiveInfinity, double.PositiveInfinity);
        }

        double low = 0, high = Most, draws = farthest;
        while (high - low > 0.005)
        {
            var middle = 0.5 * (low + high);
            if (DrawsUntil(reference, level, options, middle) is { } needed)
            {
                (high, draws) = (middle, needed);
            }
            else
            {
                low = middle;
            }
        }

        return new Reach(high, draws);
    }

    /// <summary>Expected draws until a lasting shift is found, or null when it never is.</summary>
    internal static double? DrawsUntil(StreamReference reference, double level, EvidenceOptions options, double shift)
    {
        var slot = Enumerable.Range(0, reference.Slots).Where(reference.Covers).OrderBy(reference.CountOf).ToArray();
        var typical = slot[slot.Length / 2];
        var pairs = reference.Partitions.Length * options.Forgetting.Count;
        double? best = null;
        foreach (var partition in reference.Partitions)
        {
            var mass = partition.Mass(typical)[..partition.Bins].ToArray();
            var total = partition.Total(typical);

            // All slots' urns learn, each from its share of the draws: together they hold as much as the whole reference.
            var shares = Shifted(mass, total, shift);
            foreach (var forgetting in options.Forgetting)
            {
                var needed = Follow(mass, total, slot.Length, shares, forgetting, Math.Log(level) + Math.Log(pairs), options);
                best = needed is { } n && !(best < n) ? n : best;
            }
        }

        return best;
    }

    private static double? Follow(double[] mass, double total, int slots, double[] p, double forgetting, double target, EvidenceOptions options)
    {
        var bins = p.Length;
        var stride = BinPartition.StrideOf(bins);
        var u = new double[stride];
        var v = new double[stride];
        var evidence = 0.0;
        var weight = 0.0;
        var t = 0.0;
        var s = options.Concentration ?? total;
        while (t < Horizon)
        {
            // Larger steps later: everything moves slowly then.
            var step = Math.Max(1, Math.Floor(t / 200));
            var urnTotal = s + (t / slots);
            var betTotal = options.PriorStrength + weight;
            for (var k = 0; k < bins; k++)
            {
                u[k] = (s * mass[k] / total) + (t / slots * p[k]);
                v[k] = (options.PriorStrength * mass[k] / total) + (weight * p[k]);
            }

            var b = options.Tolerance > 0 ? ToleranceProjection.Solve(v, u, betTotal, urnTotal, options.Tolerance) : urnTotal / betTotal;
            var gain = 0.0;
            for (var k = 0; k < bins; k++)
            {
                var projected = options.Tolerance > 0 ? Math.Clamp(b * v[k], (1 - options.Tolerance) * u[k], (1 + options.Tolerance) * u[k]) : u[k];
                gain += p[k] * Math.Log(v[k] / betTotal * urnTotal / projected);
            }

            // The bet estimates p from about n_eff draws, and the tolerance set forgives none of that noise.
            var remembered = Math.Min(weight * (1 + forgetting), (1 + forgetting) / (1 - forgetting));
            var noise = remembered > 0 ? (bins - 1) / (2 * (remembered + options.PriorStrength)) * Math.Pow(remembered / (remembered + options.PriorStrength), 2) : 0;
            evidence += step * (gain - noise);
            t += step;
            weight = (1 - Math.Pow(forgetting, t)) / (1 - forgetting);
            if (evidence >= target)
            {
                return t;
            }

            // SR starts anew at every draw: an early loss need not be carried on.
            evidence = Math.Max(evidence, 0);
        }

        return null;
    }

    /// <summary>Shares of the bins, taken in their order, after the normal score moved by the shift.</summary>
    private static double[] Shifted(double[] mass, double total, double shift)
    {
        var shares = new double[mass.Length];
        var cumulated = 0.0;
        var below = 0.0;
        for (var k = 0; k < mass.Length; k++)
        {
            cumulated += mass[k] / total;
            var upTo = k == mass.Length - 1 ? 1 : Normal.Cdf(Normal.Quantile(Math.Min(cumulated, 1)) - shift);
            shares[k] = upTo - below;
            below = upTo;
        }

        return shares;
    }
}
