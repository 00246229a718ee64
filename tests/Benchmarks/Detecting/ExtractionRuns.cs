using Monitoring.AllInOne.Drills;
using Monitoring.Extraction;

namespace Monitoring.Benchmarks.Detecting;

/// <summary>Thieves of the digits: what they asked without monitoring, then shown to the monitors from one account, from twenty of one address prefix, and over two days of log time.</summary>
internal static class ExtractionRuns
{
    private const int Accounts = 20;
    private const int Batch = 100;
    private static readonly int[] s_checked = [100, 1_000, 5_000];
    private static readonly string[] s_kinds = ["query-pattern", "self-similarity", "query-budget", "off-manifold"];

    public static async Task<(List<ScenarioResult> Scenarios, List<FidelityCheck> Fidelity)> RunAsync(Digits digits, int seeds, int budget, double level, bool tuning, IReadOnlyList<string> strategies)
    {
        var scenarios = new List<ScenarioResult>();
        var fidelity = new List<FidelityCheck>();
        foreach (var strategy in Enum.GetValues<ExtractionStrategy>().Where(s => s != ExtractionStrategy.Lattice && (strategies.Count == 0 || strategies.Contains(new ExtractionAttack(s, []).Name["extraction-".Length..]))))
        {
            var (alone, shared, slow) = (new List<ScenarioResult.Run>(), new List<ScenarioResult.Run>(), new List<ScenarioResult.Run>());
            for (var seed = 0; seed < seeds; seed++)
            {
                // Thieves who train again and again are held to a fifth: their copies take long to train, and they are seen long before.
                var asked = strategy is ExtractionStrategy.Active or ExtractionStrategy.Synthetic ? Math.Max(500, budget / 5) : budget;
                var thief = new ExtractionAttack(strategy, Pool(digits, seed, tuning));
                await thief.RunAsync(new AttackSession((x, n) => ValueTask.FromResult(digits.Model.Probabilities(x, n)), 784, 10, asked, seed + (tuning ? 700 : 100))).ConfigureAwait(false);
                var truth = new Truth(digits, thief, seed);
                fidelity.AddRange(await FidelityAsync(digits, thief, truth, strategy, seed).ConfigureAwait(false));
                var run = await JudgeAsync(digits, thief, truth, 1, 1, level, s_kinds).ConfigureAwait(false);
                alone.Add(strategy is ExtractionStrategy.Active or ExtractionStrategy.Synthetic ? run with { WithSeeds = truth.Gain(ExtractionAttack.Seeds) } : run);
                shared.Add(await JudgeAsync(digits, thief, truth, Accounts, 1, level, s_kinds).ConfigureAwait(false));
                if (strategy == ExtractionStrategy.Natural)
                {
                    slow.Add(await JudgeAsync(digits, thief, truth, 1, 30, level, s_kinds).ConfigureAwait(false));
                }

                Console.WriteLine($"{thief.Name} seed {seed}: {string.Join(", ", alone[^1].Alarms.Select(a => $"{a.Key} {a.Value?.ToString() ?? "-"}"))}; shared {string.Join(", ", shared[^1].Alarms.Select(a => $"{a.Key} {a.Value?.ToString() ?? "-"}"))}; final {alone[^1].Final:F3}");
            }

            var name = new ExtractionAttack(strategy, []).Name;
            var detectable = strategy != ExtractionStrategy.Natural;
            scenarios.Add(ScenarioResult.Of(name, "extraction", detectable, alone));
            scenarios.Add(ScenarioResult.Of(name + "-20-accounts", "extraction", detectable, shared));
            if (slow.Count > 0)
            {
                scenarios.Add(ScenarioResult.Of(name + "-two-a-minute", "extraction", detectable, slow));
            }
        }

        return (scenarios, fidelity);
    }

    /// <summary>The thief's own images: rows 4,000 to 5,399 (tuning: 3,000 to 3,999) and moved copies of them, 6,000 in all.</summary>
    private static float[][] Pool(Digits digits, int seed, bool tuning)
    {
        var random = new Random(seed + (tuning ? 2_000 : 1_000));
        var own = tuning ? digits.Inputs[3_000..4_000] : digits.Inputs[4_000..5_400];
        return [.. own, .. Enumerable.Range(0, 6_000 - own.Length).Select(_ => CleanClients.Deform(own[random.Next(own.Length)], 28, random))];
    }

    private static async Task<ScenarioResult.Run> JudgeAsync(Digits digits, ExtractionAttack thief, Truth truth, int accounts, int secondsBetween, double level, string[] kinds)
    {
        const long second = 1_000_000_000;
        var alarms = new SortedDictionary<string, int?>(StringComparer.Ordinal);
        foreach (var kind in kinds)
        {
            // A unit of the evidence's time is a second, in which honest clients ask about once.
            var sink = digits.Create(kind, level, secondsBetween).Sink;
            for (var start = 0; start < thief.Queries.Count && sink.Alarms.Count == 0; start += Batch)
            {
                var count = Math.Min(Batch, thief.Queries.Count - start);
                var rows = digits.Rows([.. thief.Queries.Skip(start).Take(count)], [.. Enumerable.Range(start, count).Select(q => "thief-" + (q % accounts))], start, secondsBetween * second, cohort: accounts > 1 ? _ => "203.0.113.0/24" : null);
                await sink.FeedAsync(rows, untilAlarm: true).ConfigureAwait(false);
            }

            alarms[kind] = sink.Alarms.Count > 0 ? sink.Alarms[0].Row : null;
        }

        var first = new ScenarioResult.Run(alarms, null, null, false).First;
        var then = first is { } at ? truth.Gain(at) : null;
        return new ScenarioResult.Run(alarms, null, then, truth.Gain(0) is not null && (first is null || then >= 0.5), truth.At(thief.Queries.Count));
    }

    /// <summary>The interval that surrogate-fidelity states at 100, 1,000 and 5,000 queries against what the thief's copy really reaches.</summary>
    private static async Task<List<FidelityCheck>> FidelityAsync(Digits digits, ExtractionAttack thief, Truth truth, ExtractionStrategy strategy, int seed)
    {
        var checks = new List<FidelityCheck>();
        var (monitor, sink) = digits.Create("surrogate-fidelity", 1e5);
        for (var start = 0; start < thief.Queries.Count; start += Batch)
        {
            var count = Math.Min(Batch, thief.Queries.Count - start);
            await sink.FeedAsync(digits.Rows([.. thief.Queries.Skip(start).Take(count)], [.. Enumerable.Repeat("thief", count)], start)).ConfigureAwait(false);
            if (Array.IndexOf(s_checked, start + count) >= 0)
            {
                var fidelity = (SurrogateFidelityMonitor)monitor;
                var (low, high) = fidelity.Measure(fidelity.Find("thief")!);
                checks.Add(new FidelityCheck(thief.Name, seed, start + count, low, high, truth.At(start + count)));
            }
        }

        return checks;
    }

    /// <summary>What a copy trained on the first answers really agrees on, over private rows; each number of queries trained once.</summary>
    private sealed class Truth(Digits digits, ExtractionAttack thief, int seed)
    {
        private readonly Dictionary<int, double> _known = [];
        private readonly float[][] _probes = digits.Inputs[5_400..];
        private readonly int[] _labels = digits.Labels[5_400..];

        public double Chance { get; } = digits.Labels[5_400..].GroupBy(l => l).Max(g => g.Count()) / 600.0;

        /// <summary>Share of what the copy gains on guessing in the end that it has after so many queries; null where it gains hardly anything.</summary>
        public double? Gain(int queries)
        {
            var gained = At(thief.Queries.Count) - Chance;
            return gained <= 0.1 ? null : queries == 0 ? 0 : Math.Clamp((At(queries) - Chance) / gained, 0, 1);
        }

        public double At(int queries)
        {
            if (!_known.TryGetValue(queries, out var agreement))
            {
                _known.Add(queries, agreement = thief.Agreement(queries, _probes, _labels, seed));
            }

            return agreement;
        }
    }
}

/// <summary>One interval of surrogate-fidelity and the truth.</summary>
internal sealed record FidelityCheck(string Scenario, int Seed, int Queries, double Low, double High, double Truth)
{
    public bool Covers => Low <= Truth && Truth <= High;
}
