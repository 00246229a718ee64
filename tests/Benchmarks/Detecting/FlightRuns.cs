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
        using var fitted = await Fitted.OpenAsync(demo).ConfigureAwait(false);
        var lattice = await JudgeAsync(fitted, "lattice-flights", seeds, level, 100, (random, _) => Lattice(fitted.Known, random)).ConfigureAwait(false);
        var falseAlarms = new Dictionary<string, int>(StringComparer.Ordinal);
        var held = fitted.Flights[ProfileRows..];
        var names = fitted.Names(held);
        foreach (var kind in Fitted.Kinds)
        {
            var sink = fitted.Create(kind, level);
            await sink.FeedAsync(fitted.Rows(held, names, 0)).ConfigureAwait(false);
            falseAlarms[kind] = sink.Alarms.Count;
        }

        return (lattice, held.Length, names.Distinct().Count(), falseAlarms);
    }

    /// <summary>Thieves of tables that the monitors were not chosen beside.</summary>
    public static async Task<IReadOnlyList<ScenarioResult>> UnseenAsync(DemoDigits demo, int seeds, double level, bool tuning)
    {
        using var fitted = await Fitted.OpenAsync(demo).ConfigureAwait(false);
        var first = tuning ? 700 : 100;
        return
        [
            await JudgeAsync(fitted, "flights-line-searches", seeds, level, first, (random, model) => LineSearches(fitted.Known, random, model)).ConfigureAwait(false),
            await JudgeAsync(fitted, "flights-columns-recombined", seeds, level, first, (random, _) => [.. Enumerable.Range(0, Budget).Select(_ => Enumerable.Range(0, Width).Select(c => fitted.Known[random.Next(ProfileRows)][c]).ToArray())]).ConfigureAwait(false),
            await JudgeAsync(fitted, "flights-one-column-moved", seeds, level, first, (random, _) => [.. Enumerable.Range(0, Budget).Select(_ => Moved(fitted.Known, random))]).ConfigureAwait(false),
        ];
    }

    /// <summary>Honest clients of kinds that the reference has none of.</summary>
    public static async Task<IReadOnlyList<UnseenCleanResult>> CleanAsync(DemoDigits demo, int queries, double level, bool tuning)
    {
        using var fitted = await Fitted.OpenAsync(demo).ConfigureAwait(false);
        var random = new Random(tuning ? 905 : 906);
        var held = fitted.Flights[ProfileRows..];
        var results = new List<UnseenCleanResult>();
        var names = fitted.Names(held);
        foreach (var (name, next) in new (string, Func<int, (string, float[])>)[]
        {
            ("control: flights of thirty agencies as in the reference", i => (names[i], held[i])),
            ("flights: clients with five rows each", i => ("agency-" + (i % 10), held[(i % 10 * 5) + random.Next(5)])),
            ("flights: distance in steps of 500", _ => ("agency-" + random.Next(10), Stepped(held[random.Next(held.Length)]))),
            ("flights: one route at every hour and day", i => ("planner", [i % 24, i / 24 % 7, held[0][2], held[0][3], held[0][4]])),
            ("flights: a page sorted by origin", i => ("report", [.. held.OrderBy(f => f[3]).ElementAt(i % held.Length)])),
        })
        {
            var traffic = Enumerable.Range(0, Math.Min(queries, held.Length)).Select(next).ToArray();
            var (alarms, first) = (new SortedDictionary<string, int>(StringComparer.Ordinal), new SortedDictionary<string, int>(StringComparer.Ordinal));
            foreach (var kind in Fitted.Kinds.Where(k => k != "query-budget"))
            {
                var sink = fitted.Create(kind, level);
                await sink.FeedAsync(fitted.Rows([.. traffic.Select(t => t.Item2)], [.. traffic.Select(t => t.Item1)], 0)).ConfigureAwait(false);
                alarms[kind] = sink.Alarms.Count;
                if (sink.Alarms.Count > 0)
                {
                    first[kind] = sink.Alarms[0].Row;
                }
            }

            results.Add(new UnseenCleanResult(name, traffic.Select(t => t.Item1).Distinct(StringComparer.Ordinal).Count(), traffic.Length, alarms, first));
        }

        return results;

        static float[] Stepped(float[] flight) => [flight[0], flight[1], MathF.Round(flight[2] / 500) * 500, flight[3], flight[4]];
    }

    private static async Task<ScenarioResult> JudgeAsync(Fitted fitted, string name, int seeds, double level, int firstSeed, Func<Random, OnnxClassifier, List<float[]>> ask)
    {
        var runs = new List<ScenarioResult.Run>();
        for (var seed = 0; seed < seeds; seed++)
        {
            var queries = ask(new Random(seed + firstSeed), fitted.Model);
            var alarms = new SortedDictionary<string, int?>(StringComparer.Ordinal);
            foreach (var kind in Fitted.Kinds)
            {
                var sink = fitted.Create(kind, level);
                await sink.FeedAsync(fitted.Rows(queries, [.. Enumerable.Repeat("thief", queries.Count)], 0), untilAlarm: true).ConfigureAwait(false);
                alarms[kind] = sink.Alarms.Count > 0 ? sink.Alarms[0].Row : null;
            }

            runs.Add(new ScenarioResult.Run(alarms, null, null, false));
        }

        return ScenarioResult.Of(name, "extraction", true, runs);
    }

    /// <summary>A real flight with one column moved by a tenth of its range: how a thief asks around what it has.</summary>
    private static float[] Moved(float[][] known, Random random)
    {
        var flight = (float[])known[random.Next(known.Length)].Clone();
        var column = random.Next(Width);
        flight[column] = MathF.Round(Math.Clamp(flight[column] + ((random.Next(2) == 0 ? 1 : -1) * known.Max(f => f[column]) / 10), 0, known.Max(f => f[column])));
        return flight;
    }

    /// <summary>Equation solving (Tramèr et al., USENIX Security 2016; Lowd and Meek, KDD 2005): from a pair of flights of different classes, the boundary is bisected along one column after the other.</summary>
    private static List<float[]> LineSearches(float[][] known, Random random, OnnxClassifier model)
    {
        var queries = new List<float[]>();
        var most = Enumerable.Range(0, Width).Select(c => known.Max(f => f[c])).ToArray();
        while (queries.Count < Budget)
        {
            var flight = (float[])known[random.Next(known.Length)].Clone();
            var column = random.Next(Width);
            var (low, high) = (0f, most[column]);
            var at = Ask(low);
            if (at == Ask(high))
            {
                continue;
            }

            while (high - low > most[column] / 500 && queries.Count < Budget)
            {
                var middle = (low + high) / 2;
                (low, high) = Ask(middle) == at ? (middle, high) : (low, middle);
            }

            int Ask(float value)
            {
                var asked = (float[])flight.Clone();
                asked[column] = value;
                queries.Add(asked);
                return Vectors.ArgMax(model.Run(asked, 1, "probabilities")[0]);
            }
        }

        return queries;
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

    /// <summary>The flights model with its monitors fitted.</summary>
    private sealed class Fitted : IDisposable
    {
        public static readonly string[] Kinds = ["query-pattern", "query-budget"];
        private readonly ScoringRuntime _scoring = new(new ScoringOptions { Device = "cpu", Threads = 1 });
        private readonly ScoringKernels _kernels;
        private readonly MonitorKinds _kinds;
        private readonly Random _random = new(3);
        private FittedProfile _profile = null!;

        private Fitted(DemoDigits demo)
        {
            Model = new OnnxClassifier(demo.Path("flights.onnx"));
            _kernels = new ScoringKernels(_scoring);
            _kinds = new MonitorKinds([new QueryPatternKind(new LoadedConfiguration(new MonitoringConfiguration(), demo.Path("monitoring.yaml"), "", [], []), _scoring, _kernels), new QueryBudgetKind()]);
            var (values, count, _) = NumpyFile.Read(demo.Path("flights-population.X.npy"));
            Flights = [.. Enumerable.Range(0, count).Select(r => values.AsSpan(r * Width, Width).ToArray())];
        }

        public OnnxClassifier Model { get; }

        public float[][] Flights { get; }

        public float[][] Known => Flights[..ProfileRows];

        private static ModelDescription Description { get; } = new()
        {
            Name = "flights",
            Version = "1",
            Schema = ModelSchema.Numeric(Width),
            Outputs = [new("probabilities", 2, OutputRole.Probabilities)],
        };

        public static async Task<Fitted> OpenAsync(DemoDigits demo)
        {
            var fitted = new Fitted(demo);
            WatchedMonitor[] monitors = [.. Kinds.Select(k => new WatchedMonitor { Name = k, Kind = k })];
            fitted._profile = await new ProfileFitter(fitted._kinds).FitAsync(monitors, ReferenceData.Split(fitted.Rows(fitted.Known, fitted.Names(fitted.Known), 0)), "reference", null, CancellationToken.None).ConfigureAwait(false);
            Console.WriteLine(string.Join('\n', fitted._profile.Warnings.Concat(fitted._profile.Failures)));
            return fitted;
        }

        /// <summary>Honest clients ask about their own origin airports more than about others.</summary>
        public string[] Names(float[][] flights) => [.. flights.Select(f => "agency-" + (_random.NextDouble() < 0.7 ? ((int)f[3] % 30) : _random.Next(30)))];

        public SubjectSink Create(string kind, double level)
        {
            var fitted = _profile.Profile.Monitors.Single(m => m.Name == kind);
            var monitor = _kinds[kind].Create(new MonitorContext(kind, Description, MonitorOptions.Create(_kinds[kind]), fitted.Parameters, ProfileFitter.Seed(kind, Description)));
            return new SubjectSink(monitor, fitted, level);
        }

        public RowBatch Rows(IReadOnlyList<float[]> inputs, IReadOnlyList<string> who, int first)
        {
            var flat = Vectors.Stack(inputs);
            var answers = Model.Run(flat, inputs.Count, "probabilities");
            var plain = ReferenceData.FromMatrix(Description, flat, inputs.Count, answers, who);
            return new RowBatch(Description, flat, answers, [.. Enumerable.Range(0, inputs.Count).Select(r => plain.Rows[r] with { TimeUnixNano = first + r + 1, Offset = first + r })], []);
        }

        public void Dispose()
        {
            Model.Dispose();
            _kernels.Dispose();
            _scoring.Dispose();
        }
    }
}
