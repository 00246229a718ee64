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
    /// Follows the evidence along the mean path: the stream's bins have the shares p of a shifted normal score, urn and bets
    /// move with their expected counts, each bet loses (K − 1)/(2·n_eff) nats a draw to its own noise, n_eff = (1 + λ)/(1 − λ),
    /// and every SR value grows by exp(E_p[ln r]) a draw. Reached where the bank's mean comes to the level. Bisection over the
    /// shift to 0.005σ. An approximation of the median, good to
    /// ±40 %: checked against simulation in docs/reference/budget.md.
    /// </summary>
    /// <param name="reference">The reference; of several slots, the median covered one is looked at.</param>
    /// <param name="level">The stream's level, divided by its weight where variables are combined.</param>
    /// <param name="options">Constants of the bank.</param>
    public static Reach Of(StreamReference reference, double level, EvidenceOptions? options = null)
    {
        options = (options ?? new EvidenceOptions()).ForLevel(level);
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
        var slots = Enumerable.Range(0, reference.Slots).Where(reference.Covers).OrderBy(reference.CountOf).ToArray();
        var typical = slots[slots.Length / 2];
        var partitions = reference.Partitions.Select(p => new MeanPath(p.Mass(typical)[..p.Bins].ToArray(), p.Total(typical), slots.Length, shift, options)).ToArray();
        var t = 0.0;
        while (t < Horizon)
        {
            // Larger steps later: everything moves slowly then.
            var step = Math.Max(1, Math.Floor(t / 200));
            var sum = 0.0;
            foreach (var partition in partitions)
            {
                sum += partition.Advance(t, step);
            }

            t += step;
            if (sum / (partitions.Length * options.Forgetting.Count) >= level)
            {
                return t;
            }
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
            var upTo = k == mass.Length - 1 ? 1 : SpecialFunctions.NormalCdf(SpecialFunctions.NormalQuantile(cumulated) - shift);
            shares[k] = upTo - below;
            below = upTo;
        }

        return shares;
    }

    /// <summary>The mean path of one partition's bets.</summary>
    private sealed class MeanPath
    {
        private readonly EvidenceOptions _options;
        private readonly double[] _reference;
        private readonly double[] _p;
        private readonly double[] _u;
        private readonly double[] _v;
        private readonly double[] _sr;
        private readonly double _strength;
        private readonly int _slots;

        public MeanPath(double[] mass, double total, int slots, double shift, EvidenceOptions options)
        {
            _options = options;
            _reference = [.. mass.Select(m => m / total)];
            _p = Shifted(mass, total, shift);
            _u = new double[BinPartition.StrideOf(mass.Length)];
            _v = new double[_u.Length];
            _sr = new double[options.Forgetting.Count];
            _strength = options.Concentration ?? total;
            _slots = slots;
        }

        /// <summary>Moves on by so many draws from draw t, and gives the sum of the SR values.</summary>
        public double Advance(double t, double step)
        {
            var delta = _options.Tolerance;

            // All slots' urns learn, each from its share of the draws.
            var seen = t / _slots;
            var urnTotal = _strength + seen;
            for (var k = 0; k < _p.Length; k++)
            {
                _u[k] = (_strength * _reference[k]) + (seen * _p[k]);
            }

            for (var l = 0; l < _sr.Length; l++)
            {
                var forgetting = _options.Forgetting[l];
                var weight = (1 - Math.Pow(forgetting, t)) / (1 - forgetting);
                var betTotal = _options.PriorStrength + weight;
                for (var k = 0; k < _p.Length; k++)
                {
                    _v[k] = (_options.PriorStrength * _reference[k]) + (weight * _p[k]);
                }

                var b = delta > 0 ? ToleranceProjection.Solve(_v, _u, betTotal, urnTotal, delta) : 0;
                var gain = -Noise(forgetting, weight) - (_options.Horizon is { } horizon ? 1 / horizon : 0);
                for (var k = 0; k < _p.Length; k++)
                {
                    var projected = delta > 0 ? Math.Clamp(b * _v[k], (1 - delta) * _u[k], (1 + delta) * _u[k]) : _u[k];
                    gain += _p[k] * Math.Log(_v[k] / betTotal * urnTotal / projected);
                }

                // SR ← e^gain·(SR + 1), step times.
                var grown = Math.Exp(Math.Min(gain * step, 600));
                _sr[l] = Math.Min((_sr[l] * grown) + (Math.Abs(gain) < 1e-9 ? step : (grown - 1) / (1 - Math.Exp(-gain))), 1e250);
            }

            return _sr.Sum();
        }

        /// <summary>What a bet loses a draw because it has seen p only in n_eff draws, shrunk to the reference by c.</summary>
        private double Noise(double forgetting, double weight)
        {
            var remembered = Math.Min(weight * (1 + forgetting), (1 + forgetting) / (1 - forgetting));
            var trusted = weight / (weight + _options.PriorStrength);
            return remembered > 0 ? (_p.Length - 1) / (2 * remembered) * trusted * trusted : 0;
        }
    }
}
