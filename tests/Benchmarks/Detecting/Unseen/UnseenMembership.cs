using Monitoring.AllInOne.Drills;
using Monitoring.Detection;

namespace Monitoring.Benchmarks.Detecting;

/// <summary>Membership inference that asks about training records few among many, or about copies of them only (label-only: Choquette-Choo, Tramèr, Carlini and Papernot, ICML 2021).</summary>
internal static class UnseenMembership
{
    private const int Records = 30;

    public static async Task<IReadOnlyList<ScenarioResult>> RunAsync(Digits digits, int seeds, double level, bool tuning)
    {
        var membership = await LeakageRuns.MembershipAsync(digits).ConfigureAwait(false);
        var (training, count, width) = NumpyFile.Read(digits.Demo.Path("digits-train.X.npy"));
        var results = new List<ScenarioResult>();
        foreach (var (name, detectable, ask) in new (string, bool, Func<Random, float[], IEnumerable<float[]>>)[]
        {
            ("membership-one-in-ten", true, (random, record) => [record, .. Enumerable.Range(0, 9).Select(_ => digits.Inputs[(tuning ? 3_000 : 4_000) + random.Next(1_000)])]),
            ("membership-one-in-ten-others-redrawn", true, (random, record) => [record, .. Enumerable.Range(0, 9).Select(_ => CleanClients.Deform(digits.Inputs[(tuning ? 3_000 : 4_000) + random.Next(1_000)], 28, random, 0.5, 0.7))]),
            ("membership-record-and-19-noisy-copies", true, (random, record) => [record, .. Enumerable.Range(0, 19).Select(_ => Noisy(record, random))]),
            ("membership-30-noisy-copies-only", true, (random, record) => [.. Enumerable.Range(0, 30).Select(_ => Noisy(record, random))]),
            ("membership-10-noisy-copies-only", true, (random, record) => [.. Enumerable.Range(0, 10).Select(_ => Noisy(record, random))]),
            ("membership-10-moved-copies-only", false, (random, record) => [.. Enumerable.Range(0, 10).Select(_ => CleanClients.Deform(record, 28, random))]),
        })
        {
            var runs = new List<ScenarioResult.Run>();
            for (var seed = 0; seed < seeds; seed++)
            {
                var random = new Random(seed + (tuning ? 700 : 100));
                var queries = Enumerable.Range(0, Records).Select(_ => training.AsSpan(random.Next(count) * width, width).ToArray()).SelectMany(r => ask(random, r)).ToArray();
                var alarms = new SortedDictionary<string, int?>(StringComparer.Ordinal);
                var member = membership.Kind.Create(new MonitorContext("membership", Digits.Description, membership.Options, membership.Fitted.Bytes, Digits.Seed));
                foreach (var (kind, sink) in new[] { ("membership", new SubjectSink(member, null, level)), ("query-similarity", digits.Create("query-similarity", level).Sink), ("self-similarity", digits.Create("self-similarity", level).Sink), ("query-pattern", digits.Create("query-pattern", level).Sink) })
                {
                    await sink.FeedAsync(digits.Rows(queries, [.. queries.Select(_ => "prober")]), untilAlarm: true).ConfigureAwait(false);
                    alarms[kind] = sink.Alarms.Count > 0 ? sink.Alarms[0].Row : null;
                }

                runs.Add(new ScenarioResult.Run(alarms, null, null, alarms.Values.All(a => a is null)));
            }

            results.Add(ScenarioResult.Of(name, "leakage", detectable, runs));
        }

        return results;

        static float[] Noisy(float[] record, Random random) => Array.ConvertAll(record, v => Math.Clamp(v + (0.2f * (random.NextSingle() - 0.5f)), 0, 1));
    }
}
