using Monitoring.AllInOne.Drills;

namespace Monitoring.Benchmarks.Detecting;

/// <summary>The query attacks: recorded without monitoring, then shown to the monitors from one account, from twenty, and as 1 % of the traffic; on request also as one in ten of the attacker's own queries, and to the monitors of theft.</summary>
internal static class EvasionRuns
{
    private const int DilutedQueries = 60;
    private const int CleanBetween = 99;
    private const int HiddenAmong = 10;

    /// <param name="digits">Digits and monitors.</param>
    /// <param name="attack">The attack.</param>
    /// <param name="seeds">Victims.</param>
    /// <param name="budget">Queries of an attack.</param>
    /// <param name="level">Level.</param>
    /// <param name="firstVictim">Row of the first victim.</param>
    /// <param name="further">Also one in ten of the attacker's own queries, and the monitors of theft.</param>
    public static async Task<ScenarioResult> RunAsync(Digits digits, IEvasionAttack attack, int seeds, int budget, double level, int firstVictim = Digits.FirstVictim, bool further = false)
    {
        var runs = new List<ScenarioResult.Run>();
        for (var seed = 0; seed < seeds; seed++)
        {
            var victim = firstVictim + seed;
            var recording = await EvasionRecording.RunAsync(attack, (x, n) => ValueTask.FromResult(digits.Model.Probabilities(x, n)), 10, digits.Inputs[victim], digits.Labels[victim], digits.Inputs[5_200..5_400], budget, seed + 100).ConfigureAwait(false);
            var alarms = new SortedDictionary<string, int?>(StringComparer.Ordinal)
            {
                ["query-similarity"] = await AlarmAsync(digits, "query-similarity", recording.Queries, _ => "attacker", level).ConfigureAwait(false),
                ["query-similarity, 20 accounts"] = await AlarmAsync(digits, "query-similarity", recording.Queries, q => "account-" + (q % 20), level).ConfigureAwait(false),
                ["query-similarity, 1 %"] = await DilutedAsync(digits, recording.Queries, seed, level).ConfigureAwait(false),
                ["off-manifold"] = await AlarmAsync(digits, "off-manifold", recording.Queries, _ => "attacker", level).ConfigureAwait(false),
                ["off-manifold, 20 accounts"] = await AlarmAsync(digits, "off-manifold", recording.Queries, q => "account-" + (q % 20), level).ConfigureAwait(false),
            };
            if (further)
            {
                alarms["self-similarity"] = await AlarmAsync(digits, "self-similarity", recording.Queries, _ => "attacker", level).ConfigureAwait(false);
                alarms["query-pattern"] = await AlarmAsync(digits, "query-pattern", recording.Queries, _ => "attacker", level).ConfigureAwait(false);
                foreach (var kind in new[] { "query-similarity", "off-manifold" })
                {
                    alarms[kind + ", one in ten"] = await AlarmAsync(digits, kind, Hidden(digits, recording.Queries, seed), _ => "attacker", level).ConfigureAwait(false) is { } at ? ((at - 1) / HiddenAmong) + 1 : null;
                }
            }

            var first = new ScenarioResult.Run(alarms, null, null, false).First;
            runs.Add(new ScenarioResult.Run(
                alarms,
                recording.SucceededAt,
                recording.SucceededAt is { } goal && first is { } seen ? Math.Min(1, (double)seen / goal) : null,
                recording.SucceededAt is { } end && (first is null || first > end)));
        }

        return ScenarioResult.Of(attack.Name, "evasion", true, runs);
    }

    /// <summary>The attack's queries, each followed by nine natural ones of the same account.</summary>
    private static List<float[]> Hidden(Digits digits, IReadOnlyList<float[]> queries, int seed)
    {
        var random = new Random(seed);
        return [.. queries.SelectMany(q => Enumerable.Range(0, HiddenAmong - 1).Select(_ => CleanClients.Deform(digits.Inputs[4_000 + random.Next(1_000)], 28, random, 0.5)).Prepend(q))];
    }

    private static async Task<int?> AlarmAsync(Digits digits, string kind, IReadOnlyList<float[]> queries, Func<int, string> client, double level)
    {
        const int batch = 20;
        var sink = digits.Create(kind, level).Sink;
        for (var start = 0; start < queries.Count && sink.Alarms.Count == 0; start += batch)
        {
            var count = Math.Min(batch, queries.Count - start);
            await sink.FeedAsync(digits.Rows([.. queries.Skip(start).Take(count)], [.. Enumerable.Range(start, count).Select(client)], start, outputs: kind != "query-similarity"), untilAlarm: true).ConfigureAwait(false);
        }

        return sink.Alarms.Count > 0 ? sink.Alarms[0].Row : null;
    }

    private static async Task<int?> DilutedAsync(Digits digits, IReadOnlyList<float[]> queries, int seed, double level)
    {
        var sink = digits.Create("query-similarity", level).Sink;
        var random = new Random(seed);
        foreach (var (query, number) in queries.Take(DilutedQueries).Select((q, i) => (q, i)))
        {
            await sink.FeedAsync(digits.Rows([query], ["attacker"], number * (CleanBetween + 1), outputs: false), untilAlarm: true).ConfigureAwait(false);
            if (sink.Alarms.Count > 0)
            {
                return number + 1;
            }

            var clean = Enumerable.Range(0, CleanBetween).Select(_ => digits.Inputs[4_000 + random.Next(1_000)]).ToArray();
            await sink.FeedAsync(digits.Rows(clean, [.. Enumerable.Range(0, CleanBetween).Select(i => "clean-" + (i % 20))], (number * (CleanBetween + 1)) + 1, outputs: false), untilAlarm: true).ConfigureAwait(false);
        }

        return null;
    }
}
