using Monitoring.AllInOne.Drills;

namespace Monitoring.Benchmarks.Detecting;

/// <summary>Extraction that the monitors were not chosen beside.</summary>
internal static class UnseenThefts
{
    private const int Seeds = 50;
    private const int Accounts = 20;
    private static readonly string[] s_kinds = ["query-pattern", "self-similarity", "query-budget", "off-manifold"];

    public static async IAsyncEnumerable<ScenarioResult> RunAsync(Digits digits, int seeds, int budget, double level, bool tuning, IReadOnlyList<string> only)
    {
        foreach (var make in Thefts())
        {
            if (only.Count > 0 && !only.Contains(make().Name))
            {
                continue;
            }

            var (alone, shared) = (new List<ScenarioResult.Run>(), new List<ScenarioResult.Run>());
            for (var seed = 0; seed < seeds; seed++)
            {
                var theft = make();
                var random = new Random(seed + (tuning ? 4_700 : 4_100));
                theft.Run(digits.Model, tuning ? digits.Inputs[3_000..4_000] : digits.Inputs[4_000..5_000], budget, random);
                var known = new Dictionary<int, double>();
                alone.Add(await JudgeAsync(digits, theft, known, 1, level, seed).ConfigureAwait(false));
                shared.Add(await JudgeAsync(digits, theft, known, Accounts, level, seed).ConfigureAwait(false));
            }

            yield return ScenarioResult.Of(make().Name, "extraction", true, alone);
            yield return ScenarioResult.Of(make().Name + "-20-accounts", "extraction", true, shared);
        }

        foreach (var flight in (await FlightRuns.UnseenAsync(digits.Demo, seeds, level, tuning).ConfigureAwait(false)).Where(f => only.Count == 0 || only.Contains(f.Name)))
        {
            yield return flight;
        }
    }

    private static IEnumerable<Func<Theft>> Thefts()
    {
        yield return () => new Theft("knockoff-dead-leaves", 0, (_, random) => Endless(() => Synthetic.DeadLeaves(random)));
        yield return () => new Theft("smooth-fields", 0, (_, random) => Endless(() => Synthetic.SmoothField(random)));
        yield return () => new Theft("patches-of-seeds", Seeds, (t, random) => Endless(() => Synthetic.Patches([.. t.Queries.Take(Seeds)], random)));
        yield return () => new Theft("mixup-of-seeds", Seeds, (t, random) => Endless(() => Vectors.Blend(t.Queries[random.Next(Seeds)], t.Queries[random.Next(Seeds)], 0.3 + (0.4 * random.NextDouble()))));
        foreach (var step in new[] { 0.03, 0.3 })
        {
            yield return () => new Theft(FormattableString.Invariant($"jacobian-step-{step}"), Seeds, (t, random) =>
            {
                var copy = t.Copy(t.Queries.Count, random.Next());
                return Endless(() =>
                {
                    var pick = random.Next(t.Queries.Count);
                    return Vectors.AddClipped(t.Queries[pick], Array.ConvertAll(copy.Gradient(t.Queries[pick], Vectors.ArgMax(t.Answers[pick])), g => (float)Math.Sign(g)), step);
                });
            });
        }

        // PRADA's T-RND: towards a random class, in small steps of the copy's own.
        yield return () => new Theft("jacobian-targeted", Seeds, (t, random) =>
        {
            var copy = t.Copy(t.Queries.Count, random.Next());
            return Endless(() =>
            {
                var (pick, target) = (t.Queries[random.Next(t.Queries.Count)], random.Next(10));
                for (var s = 0; s < 5; s++)
                {
                    pick = Vectors.AddClipped(pick, Array.ConvertAll(copy.Gradient(pick, target), g => (float)-Math.Sign(g)), 0.05);
                }

                return pick;
            });
        });

        // CloudLeak (Yu et al., NDSS 2020): adversarial examples of the copy, which lie along its boundary.
        yield return () => new Theft("adversarial-of-copy", Seeds, (t, random) =>
        {
            var copy = t.Copy(t.Queries.Count, random.Next());
            return Endless(() =>
            {
                var pick = t.Queries[random.Next(Seeds)];
                var label = Vectors.ArgMax(copy.Probabilities(pick));
                for (var s = 0; s < 12 && Vectors.ArgMax(copy.Probabilities(pick)) == label; s++)
                {
                    pick = Vectors.AddClipped(pick, Array.ConvertAll(copy.Gradient(pick, label), g => (float)Math.Sign(g)), 0.03);
                }

                return pick;
            });
        });
    }

    private static IEnumerable<float[]> Endless(Func<float[]> one)
    {
        while (true)
        {
            yield return one();
        }
    }

    private static async Task<ScenarioResult.Run> JudgeAsync(Digits digits, Theft theft, Dictionary<int, double> known, int accounts, double level, int seed)
    {
        const int batch = 100;
        var alarms = new SortedDictionary<string, int?>(StringComparer.Ordinal);
        foreach (var kind in s_kinds)
        {
            var sink = digits.Create(kind, level).Sink;
            for (var start = 0; start < theft.Queries.Count && sink.Alarms.Count == 0; start += batch)
            {
                var count = Math.Min(batch, theft.Queries.Count - start);
                var rows = digits.Rows([.. theft.Queries.Skip(start).Take(count)], [.. Enumerable.Range(start, count).Select(q => "thief-" + (q % accounts))], start, cohort: accounts > 1 ? _ => "203.0.113.0/24" : null);
                await sink.FeedAsync(rows, untilAlarm: true).ConfigureAwait(false);
            }

            alarms[kind] = sink.Alarms.Count > 0 ? sink.Alarms[0].Row : null;
        }

        var first = new ScenarioResult.Run(alarms, null, null, false).First;
        var chance = digits.Labels[5_400..].GroupBy(l => l).Max(g => g.Count()) / 600.0;
        var gained = At(theft.Queries.Count) - chance;
        double? then = first is { } at && gained > 0.1 ? Math.Clamp((At(at) - chance) / gained, 0, 1) : null;
        return new ScenarioResult.Run(alarms, null, then, gained > 0.1 && (first is null || then >= 0.5), At(theft.Queries.Count), theft.Seeds > 0 && gained > 0.1 ? Math.Clamp((At(theft.Seeds) - chance) / gained, 0, 1) : null);

        double At(int queries)
        {
            if (!known.TryGetValue(queries, out var agreement))
            {
                var copy = theft.Copy(queries, seed);
                agreement = Enumerable.Range(5_400, 600).Count(i => Vectors.ArgMax(copy.Probabilities(digits.Inputs[i])) == digits.Labels[i]) / 600.0;
                known.Add(queries, agreement);
            }

            return agreement;
        }
    }
}
