using Monitoring.Statistics;

namespace Monitoring.Benchmarks.Budget;

/// <summary>RUNTIME 7, lines 1, 2 and 8 on real digits.</summary>
internal static class DigitLines
{
    private const int ProfileSize = 3_000;

    /// <summary>Stationary: profile and stream both drawn with replacement from the population.</summary>
    public static IEnumerable<BudgetLine> Stationary(Digits digits, double scale)
    {
        var population = digits.Plain();
        foreach (var (id, options, level) in new[] { ("1g", Simulation.Equality, 1e4), ("1h", Simulation.Default, 1e5) })
        {
            var draws = Simulation.Scaled(100_000, scale);
            var alarms = 0L;
            for (var profile = 0; profile < 10; profile++)
            {
                var random = new Random(10_000 + profile);
                var monitor = new GroupedEvidence(Digits.Variables([.. Enumerable.Range(0, ProfileSize).Select(_ => population[random.Next(population.Length)])]), level, options);
                for (var t = 0; t < draws; t++)
                {
                    alarms += monitor.Update(population[random.Next(population.Length)], (ulong)((profile * 1_000_000L) + t), 0, 1, t) is LatchEvent.Alarm or LatchEvent.StillAlarmed ? 1 : 0;
                }
            }

            yield return Simulation.Alarms(id, $"real digits, the default variables (58), δ = {options.Tolerance}, profile of {ProfileSize:N0}, one per {level:N0} draws", 10 * draws / level, alarms, $"10 profiles × {draws:N0} draws");
        }
    }

    /// <summary>Delays of RUNTIME 2 at one alarm per 10⁴ events, within 10 %.</summary>
    public static IEnumerable<BudgetLine> Delays(Digits digits, double scale)
    {
        var pool = Simulation.Scaled(20_000, scale, 6_000);
        var clean = digits.Resampled(new Random(11_000), pool);
        var changes = new (string Id, string Name, double Figure, Func<Random, int, double[][]> Draw)[]
        {
            ("2f", "turned by 5°", 167, (r, n) => digits.Resampled(r, n, degrees: 5)),
            ("2f2", "turned by 5° after resampling: interpolated twice", 167, (r, n) => digits.Resampled(r, n, turnAgain: 5)),
            ("2g", "turned by 15°", 102, (r, n) => digits.Resampled(r, n, degrees: 15)),
            ("2h", "contrast × 0.7", 27, (r, n) => digits.Resampled(r, n, contrast: 0.7)),
            ("2i", "noise 0.1", 6, (r, n) => digits.Resampled(r, n, noise: 0.1)),
            ("2j", "moved by 2 px", 16, (r, n) => digits.Resampled(r, n, move: 2)),
            ("2k", "class mix 10 → 30 %", 96, (r, n) => digits.Resampled(r, n, shareOfThrees: 0.3)),
        };
        var runs = Simulation.Scaled(40, scale, 8);
        foreach (var (id, name, figure, draw) in changes)
        {
            var changed = draw(new Random(12_000), Simulation.Scaled(6_000, scale, 2_000));
            foreach (var (suffix, level, options, allowed) in new[]
            {
                ("", 1e4, Simulation.Equality, Math.Round(1.1 * figure)),
                ("'", Simulation.MonthLevel, Simulation.Default, double.NaN),
            })
            {
                var delays = new List<int?>();
                for (var run = 0; run < runs; run++)
                {
                    var random = new Random(13_000 + run);
                    var monitor = new GroupedEvidence(Digits.Variables([.. Enumerable.Range(0, ProfileSize).Select(_ => clean[random.Next(clean.Length)])]), level, options);
                    int? delay = null;
                    for (var t = 0; t < 8_000 && delay is null; t++)
                    {
                        var value = t < 2_000 ? clean[random.Next(clean.Length)] : changed[random.Next(changed.Length)];
                        delay = monitor.Update(value, (ulong)((run * 100_000L) + t), 0, 1, t) == LatchEvent.Alarm ? (t < 2_000 ? -1 : t - 2_000 + 1) : null;
                    }

                    delays.Add(delay);
                }

                var line = Simulation.DelayLine(id + suffix, $"real digits {name}, {(level > 1e5 ? "1 per 30 d of 20,000 a day, δ = 0.1" : "one alarm per 10⁴ events, δ = 0")}, default variables, profile of {ProfileSize:N0}", allowed, delays);

                // The second setting has no figure to keep: it says what a user of the defaults gets.
                yield return double.IsNaN(allowed) ? line with { Ok = true, Unit = "draws, median, for information" } : line;
            }
        }
    }

    /// <summary>Honest clients that differ: one digit each, own class mixes, re-senders, each with its own 500 images.</summary>
    public static IEnumerable<BudgetLine> Clients(Digits digits, double scale)
    {
        var population = digits.Plain();
        var draws = 2_000;
        var random = new Random(80_000);
        var fitting = Enumerable.Range(0, Simulation.Scaled(100, scale, 40)).Select(i => new HonestClient(random, digits, population, i % 3, draws)).ToList();
        var heldOut = Enumerable.Range(0, Simulation.Scaled(200, scale, 60)).Select(i => new HonestClient(random, digits, population, i % 3, draws)).ToList();
        var judged = Enumerable.Range(0, Simulation.Scaled(300, scale, 60)).Select(i => new HonestClient(random, digits, population, i % 3, draws)).ToList();
        int[] columns = [Digits.EntropyColumn, 0, 1];

        // The pool is the honest clients' own traffic, by predicted class.
        var pool = fitting.SelectMany(c => c.Rows).ToArray();
        int[] slots = [.. pool.Select(r => (int)r[Digits.ClassColumn])];
        EvidenceVariable[] Variables(bool spread) =>
        [
            .. columns.Select(c =>
            {
                var reference = StreamReference.Numeric(pool.Select(r => r[c]).ToArray(), slots, 10);
                var concentration = ClientSpread.Fit(reference, [.. fitting.Select(f => new ClientSample([.. f.Rows.Select(r => r[c])], [.. f.Rows.Select(r => (int)r[Digits.ClassColumn])]))]);
                return new EvidenceVariable($"column {c}", $"column {c}", reference, spread ? concentration : null);
            }),
        ];
        var perClient = draws / 0.05;
        foreach (var (id, spread) in new[] { ("8a", true), ("8b", false) })
        {
            var variables = Variables(spread);
            var factor = spread ? ClientSpread.LevelFactor([.. heldOut.Select(c => c.Greatest(variables) / draws)]) : 1;
            var alarmed = judged.Count(c => c.Greatest(variables) >= factor * perClient);
            var allowed = 0.05 * judged.Count;
            var line = Simulation.Alarms(id, spread
                ? "honest clients that differ (one digit each, own mixes, re-senders), per client by predicted class: urn fitted to the spread between clients, level on held-out clients"
                : "the same with the pool's urn and no level from held-out clients: what the fit is needed for", allowed, alarmed,
                $"{judged.Count} clients × {draws:N0} queries; {(spread ? $"s = {string.Join(", ", variables.Select(v => v.Concentration?.ToString("F0", System.Globalization.CultureInfo.InvariantCulture)))}; κ = {factor:F1}" : "s = M")}");

            // Without the mechanism the budget must break, or the line above would prove nothing.
            yield return spread ? line : line with { Ok = alarmed > Simulation.Margin(allowed), Unit = "clients alarmed; more than allowed wanted: the mechanism is needed" };
        }
    }

    private sealed class HonestClient
    {
        private const int Images = 500;

        public HonestClient(Random random, Digits digits, double[][] population, int kind, int draws)
        {
            // 0: one digit; 1: own mix; 2: own mix, every query sent three times.
            var weights = new double[10];
            var only = random.Next(10);
            for (var c = 0; c < 10; c++)
            {
                weights[c] = kind == 0 ? (c == only ? 1 : 0) : -Math.Log(1 - random.NextDouble());
            }

            var own = new List<double[]>();
            while (own.Count < Images)
            {
                var index = random.Next(population.Length);
                if (random.NextDouble() * weights.Max() < weights[digits.Labels[index]])
                {
                    own.Add(population[index]);
                }
            }

            var admission = new AdmissionRule(new AdmissionSettings());
            double[] current = [];
            for (var t = 0; Rows.Count < draws; t++)
            {
                // Every query is a new picture of one of the client's objects; a re-sender sends the same bytes three times.
                var picture = kind == 2 ? t / 3 : t;
                if (kind != 2 || t % 3 == 0)
                {
                    current = own[random.Next(own.Count)];
                }

                if (admission.Offer(1, Mixing.Mix((ulong)picture) | 1, t) == Admission.Draw)
                {
                    Rows.Add(current);
                }
            }
        }

        public List<double[]> Rows { get; } = [];

        public double Greatest(EvidenceVariable[] variables)
        {
            var banks = new GroupedEvidence(variables, 1e250);
            var values = new double[variables.Length];
            int[] columns = [Digits.EntropyColumn, 0, 1];
            var greatest = 0.0;
            for (var t = 0; t < Rows.Count; t++)
            {
                for (var v = 0; v < values.Length; v++)
                {
                    values[v] = Rows[t][columns[v]];
                }

                banks.Update(values, (ulong)t, (int)Rows[t][Digits.ClassColumn], 1, t);
                greatest = Math.Max(greatest, banks.Value);
            }

            return greatest;
        }
    }
}
