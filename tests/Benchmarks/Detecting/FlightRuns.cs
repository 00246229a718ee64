using Monitoring.AllInOne.Drills;
using Monitoring.Detection;
using Monitoring.Extraction;
using Monitoring.Hosting.Configuration;
using Monitoring.Scoring;

namespace Monitoring.Benchmarks.Detecting;

/// <summary>The tabular model: a thief who walks a lattice over its five columns, beside honest clients who ask about real flights.</summary>
internal static class FlightRuns
{
    private const int Width = 5;
    private const int Budget = 1_000;
    private const int ProfileRows = 4_000;

    public static async Task<(ScenarioResult Lattice, int CleanQueries, int CleanClients, Dictionary<string, int> FalseAlarms)> RunAsync(DemoDigits demo, int seeds, double level)
    {
        using var model = new OnnxClassifier(demo.Path("flights.onnx"));
        using var scoring = new ScoringRuntime(new ScoringOptions { Device = "cpu", Threads = 1 });
        using var kernels = new ScoringKernels(scoring);
        var (values, count, _) = NumpyFile.Read(demo.Path("flights-population.X.npy"));
        var flights = Enumerable.Range(0, count).Select(r => values.AsSpan(r * Width, Width).ToArray()).ToArray();
        var description = new ModelDescription
        {
            Name = "flights",
            Version = "1",
            Schema = ModelSchema.Numeric(Width),
            Outputs = [new("probabilities", 2, OutputRole.Probabilities)],
        };
        var kinds = new MonitorKinds([new QueryPatternKind(new LoadedConfiguration(new MonitoringConfiguration(), demo.Path("monitoring.yaml"), "", [], []), scoring, kernels), new QueryBudgetKind()]);
        WatchedMonitor[] monitors = [new() { Name = "query-pattern", Kind = "query-pattern" }, new() { Name = "query-budget", Kind = "query-budget" }];

        // Honest clients ask about their own origin airports more than about others.
        var random = new Random(3);
        var clients = flights.Take(ProfileRows).Select(f => "agency-" + (random.NextDouble() < 0.7 ? ((int)f[3] % 30) : random.Next(30))).ToArray();
        var reference = ReferenceData.Split(Rows(flights[..ProfileRows], clients, 0));
        var profile = await new ProfileFitter(kinds).FitAsync(monitors, reference, "reference", null, CancellationToken.None).ConfigureAwait(false);
        Console.WriteLine(string.Join('\n', profile.Warnings.Concat(profile.Failures)));

        var runs = new List<ScenarioResult.Run>();
        for (var seed = 0; seed < seeds; seed++)
        {
            var queries = Lattice(flights[..ProfileRows], new Random(seed + 100));
            var alarms = new SortedDictionary<string, int?>(StringComparer.Ordinal);
            foreach (var kind in monitors.Select(m => m.Kind))
            {
                var sink = Create(kind);
                await sink.FeedAsync(Rows(queries, [.. Enumerable.Repeat("thief", queries.Count)], 0), untilAlarm: true).ConfigureAwait(false);
                alarms[kind] = sink.Alarms.Count > 0 ? sink.Alarms[0].Row : null;
            }

            runs.Add(new ScenarioResult.Run(alarms, null, null, false));
        }

        var falseAlarms = new Dictionary<string, int>(StringComparer.Ordinal);
        var held = flights[ProfileRows..];
        var names = held.Select(f => "agency-" + (random.NextDouble() < 0.7 ? ((int)f[3] % 30) : random.Next(30))).ToArray();
        foreach (var kind in monitors.Select(m => m.Kind))
        {
            var sink = Create(kind);
            await sink.FeedAsync(Rows(held, names, 0)).ConfigureAwait(false);
            falseAlarms[kind] = sink.Alarms.Count;
        }

        return (ScenarioResult.Of("lattice-flights", "extraction", true, runs), held.Length, names.Distinct().Count(), falseAlarms);

        SubjectSink Create(string kind)
        {
            var fitted = profile.Profile.Monitors.Single(m => m.Name == kind);
            var monitor = kinds[kind].Create(new MonitorContext(kind, description, MonitorOptions.Create(kinds[kind]), fitted.Parameters, ProfileFitter.Seed(kind, description)));
            return new SubjectSink(monitor, fitted, level);
        }

        RowBatch Rows(IReadOnlyList<float[]> inputs, IReadOnlyList<string> who, int first)
        {
            var flat = Vectors.Stack(inputs);
            var plain = ReferenceData.FromMatrix(description, flat, inputs.Count, model.Run(flat, inputs.Count, "probabilities"), who);
            return new RowBatch(description, flat, model.Run(flat, inputs.Count, "probabilities"), [.. Enumerable.Range(0, inputs.Count).Select(r => plain.Rows[r] with { TimeUnixNano = first + r + 1, Offset = first + r })], []);
        }
    }

    /// <summary>Every point of a grid over the columns' ranges, in random order: hours and distances in steps, all weekdays, origins and destinations at random.</summary>
    private static List<float[]> Lattice(float[][] known, Random random)
    {
        var (far, origins, destinations) = (known.Max(f => f[2]), known.Max(f => f[3]), known.Max(f => f[4]));
        return [.. Enumerable.Range(0, Budget).Select(_ => new[]
        {
            random.Next(24),
            random.Next(7),
            far * random.Next(1, 11) / 10,
            random.Next((int)origins + 1),
            random.Next((int)destinations + 1),
        })];
    }
}
