using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Runtime.InteropServices;
using Google.Protobuf;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.Drift;
using Monitoring.EventLog;
using Monitoring.EventLog.Embedded;
using Monitoring.Outlier;
using Monitoring.Quality;
using Monitoring.Scoring;
using Monitoring.TestKit;

namespace Monitoring.Benchmarks.Suites;

/// <summary>
/// <c>scale [--models 1000] [--events 1000000] [--oneEvents 100000] [--batch 32768] [--checkpointRecords 100000]</c>: models of four schemas with Zipf traffic, five monitors each (evidence, ks,
/// mahalanobis, an ONNX graph, and quality), in three groups over one partition, in one process (DESIGN 14: ≥ 0.8 of the one-model rate, &lt; 4 GB, &lt; 60 threads,
/// memory flat). The one-model rate is that of each schema alone, weighted with the share that the schema has of the many models' traffic. Rates are per second of
/// processor time of the whole process between hand-over and return; making the events is not in them. A hand-over is as large as a group's that is behind
/// (<see cref="MonitorGroupOptions.MaxBatch"/>). Memory is reported at forty moments; whether it is flat
/// over 10⁷ events (<c>--events 10000000</c>) is read from them.
/// <c>--probe 8x9,1000x9,8x1000</c> measures instead so many models of eight columns with so many events each a hand-over: what a model costs in one, in the cache and out of it.
/// </summary>
internal static class ScaleSuite
{
    private const int ReferenceRows = 2_000;
    private static readonly int[] s_widths = [3, 8, 16, 30];
    private static readonly WatchedMonitor[] s_monitors =
    [
        new() { Name = "evidence", Kind = "evidence" },
        new() { Name = "ks", Kind = "ks" },
        new() { Name = "mahalanobis", Kind = "mahalanobis" },
        new() { Name = "graph", Kind = GraphKind.KindName },
        new() { Name = "quality", Kind = "quality" },
    ];

    public static async Task<object> RunAsync(BenchmarkArguments arguments)
    {
        var models = int.Parse(arguments["models", "1000"], CultureInfo.InvariantCulture);
        var events = long.Parse(arguments["events", "1000000"], CultureInfo.InvariantCulture);
        var oneEvents = long.Parse(arguments["oneEvents", "100000"], CultureInfo.InvariantCulture);
        var batch = int.Parse(arguments["batch", new MonitorGroupOptions().MaxBatch.ToString(CultureInfo.InvariantCulture)], CultureInfo.InvariantCulture);
        var options = new MonitorGroupOptions { Parallelism = 1, CheckpointRecords = int.Parse(arguments["checkpointRecords", "100000"], CultureInfo.InvariantCulture) };
        var clock = Stopwatch.StartNew();
        using var scoring = new ScoringRuntime(new ScoringOptions { Device = "cpu" });
        var weights = Enumerable.Range(1, models).Select(i => 1.0 / i).ToArray();
        var shares = new double[s_widths.Length];
        for (var m = 0; m < models; m++)
        {
            shares[m % s_widths.Length] += weights[m] / weights.Sum();
        }

        if (arguments["probe", ""].Length > 0)
        {
            return await ProbeAsync(scoring, arguments["probe", ""], events, options).ConfigureAwait(false);
        }

        // Compiled first: a benchmark of the compiler is not wanted.
        await MeasureAsync(scoring, [(Name(0), s_widths[0])], [1], Math.Min(oneEvents, 100_000), batch, options).ConfigureAwait(false);
        var alone = new List<Measured>();
        for (var schema = 0; schema < s_widths.Length; schema++)
        {
            alone.Add(await MeasureAsync(scoring, [(Name(schema), s_widths[schema])], [1], oneEvents, batch, options).ConfigureAwait(false));
        }

        var oneRate = 1 / alone.Select((a, s) => shares[s] / a.Rate).Sum();
        var many = await MeasureAsync(scoring, [.. Enumerable.Range(0, models).Select(m => (Name(m), s_widths[m % s_widths.Length]))], weights, events, batch, options).ConfigureAwait(false);
        var peak = many.Moments.Max(m => m.WorkingSet);
        return new
        {
            machine = $"{Environment.ProcessorCount} cores, {RuntimeInformation.FrameworkDescription}",
            models,
            monitors = models * s_monitors.Length,
            kinds = s_monitors.Select(m => m.Kind),
            events,
            batch,
            oneModelPerSecond = Math.Round(oneRate),
            oneModelPerSecondBySchema = alone.Select((a, s) => new { columns = s_widths[s], share = Math.Round(shares[s], 3), perSecond = Math.Round(a.Rate), bytesPerEvent = Math.Round(a.BytesPerEvent) }),
            manyModelsPerSecond = Math.Round(many.Rate),
            microsecondsPerEvent = alone.Select((a, s) => a.Groups.Select(g => g.Value * shares[s]).ToArray()).Aggregate((a, b) => [.. a.Zip(b, (x, y) => x + y)]).Zip(many.Groups, (one, all) => new { group = all.Key, oneModel = Math.Round(one, 1), manyModels = Math.Round(all.Value, 1) }),
            collections = many.Collections,
            seconds = Math.Round(clock.Elapsed.TotalSeconds),
            bytesPerEvent = Math.Round(many.BytesPerEvent),
            ratio = Math.Round(many.Rate / oneRate, 3),
            ratioGoal = 0.8,
            workingSetMegabytes = peak / 1_000_000,
            workingSetGoalMegabytes = 4_000,
            memory = many.Moments.Select(m => new { events = m.Events, workingSetMegabytes = m.WorkingSet / 1_000_000, afterLastCollectionMegabytes = m.Live / 1_000_000 }),
            workingSetKilobytesPerMillionEvents = Math.Round(Slope(many.Moments.Skip(many.Moments.Count / 4).Select(m => (m.Events / 1e6, m.WorkingSet / 1e3)).ToList())),
            managedMegabytesAtEnd = many.ManagedBytes / 1_000_000,
            threads = many.Threads,
            threadsGoal = 60,
            sessions = many.Sessions,
            findings = many.Findings,
            armed = many.Armed,
            stateMegabytes = many.StateBytes / 1_000_000,
            ok = many.Rate >= 0.8 * oneRate && peak < 4_000_000_000 && many.Threads < 60,
        };
    }

    private static async Task<object> ProbeAsync(ScoringRuntime scoring, string probe, long events, MonitorGroupOptions options)
    {
        const int Width = 8;
        await MeasureAsync(scoring, [(Name(0), Width)], [1], 100_000, 8192, options).ConfigureAwait(false);
        var results = new List<object>();
        foreach (var part in probe.Split(','))
        {
            var numbers = Array.ConvertAll(part.Split('x'), n => int.Parse(n, CultureInfo.InvariantCulture));
            var measured = await MeasureAsync(scoring, [.. Enumerable.Range(0, numbers[0]).Select(m => (Name(m), Width))], null, events, numbers[0] * numbers[1], options).ConfigureAwait(false);
            results.Add(new { models = numbers[0], eventsEach = numbers[1], microsecondsPerEvent = Math.Round(1e6 / measured.Rate, 1), groups = measured.Groups.ToDictionary(g => g.Key, g => Math.Round(g.Value, 1)), bytesPerEvent = Math.Round(measured.BytesPerEvent) });
        }

        return results;
    }

    private static string Name(int model) => "model-" + model.ToString(CultureInfo.InvariantCulture);

    private static async Task<Measured> MeasureAsync(ScoringRuntime scoring, IReadOnlyList<(string Name, int Width)> models, double[]? weights, long events, int batch, MonitorGroupOptions options)
    {
        using var folder = new TemporaryDirectory();
        await using var log = EmbeddedEventLog.Open(new EmbeddedEventLogOptions { Directory = folder.File("log") }, TimeProvider.System, NullLoggerFactory.Instance);
        await log.EnsureTopicAsync(new TopicDefinition(Topics.InferenceEvents, 1)).ConfigureAwait(false);
        await log.EnsureTopicAsync(new TopicDefinition(Topics.Findings, 1)).ConfigureAwait(false);
        await using var provider = new ServiceCollection().AddMetrics().BuildServiceProvider();
        using var metrics = new DetectionMetrics(provider.GetRequiredService<IMeterFactory>());
        using var graphs = new GraphSessions(scoring);
        var kinds = new MonitorKinds([new EvidenceKind(), new KsKind(), new MahalanobisKind(), new QualityKind(), new GraphKind(graphs)]);
        var profiles = new ProfileStore(folder.File("profiles"), TimeProvider.System);
        var groups = new List<(string Name, PartitionProcessor Processor)>();
        foreach (var (group, kindsOfGroup) in new[] { ("drift", new[] { "evidence", "ks" }), ("outlier", ["mahalanobis", GraphKind.KindName]), ("quality", ["quality"]) })
        {
            var monitors = s_monitors.Where(m => kindsOfGroup.Contains(m.Kind, StringComparer.Ordinal)).Select(m => m with { Share = 1.0 / (models.Count * s_monitors.Length) }).ToList();
            var fitted = new Dictionary<int, Profile>();
            var watched = new List<WatchedModel>();
            foreach (var (name, width) in models)
            {
                if (!fitted.TryGetValue(width, out var profile))
                {
                    fitted.Add(width, profile = await FitAsync(kinds, monitors, width).ConfigureAwait(false));
                }

                // Fitted once per schema, kept and loaded once per model: nothing is shared that would not be in production.
                var own = profile with { Model = Describe(name, width) };
                watched.Add(new WatchedModel { Name = name, Schema = own.Model.Schema, Outputs = own.Model.Outputs, Monitors = monitors, ProfileSha256 = profiles.Save(own) });
            }

            var configuration = new MonitorGroupConfiguration { Group = group, Models = watched };
            var processor = new PartitionProcessor(
                log, new BenchmarkOwner(group), new RuntimeServices(kinds, new ProfileFitter(kinds), profiles, new BuildIdentity("bench", "none", "")), options, () => configuration, metrics, TimeProvider.System, NullLogger.Instance);
            await processor.StartAsync(CancellationToken.None).ConfigureAwait(false);
            groups.Add((group, processor));
        }

        var source = new Source(models, weights);
        var process = Process.GetCurrentProcess();
        var moments = new List<Moment>();
        var used = groups.ToDictionary(g => g, _ => TimeSpan.Zero);
        var collections = new int[GC.MaxGeneration + 1];
        var threads = 0;
        var allocated = 0L;
        var measured = 0L;

        // The first tenth warms up and fills tables; it is not in the rate.
        var warm = Math.Max(events / 10, models.Count);
        var step = Math.Max(batch, events / 40);
        for (long at = 0, sampled = 0; at < events + warm;)
        {
            var entries = source.Take((int)Math.Min(batch, events + warm - at));
            foreach (var group in groups)
            {
                process.Refresh();
                var before = process.TotalProcessorTime;
                var bytes = GC.GetTotalAllocatedBytes();
                int[] collected = [.. collections.Select((_, generation) => GC.CollectionCount(generation))];
                await group.Processor.ProcessAsync(entries, CancellationToken.None).ConfigureAwait(false);
                process.Refresh();
                if (at >= warm)
                {
                    used[group] += process.TotalProcessorTime - before;
                    allocated += GC.GetTotalAllocatedBytes() - bytes;
                    for (var generation = 0; generation < collections.Length; generation++)
                    {
                        collections[generation] += GC.CollectionCount(generation) - collected[generation];
                    }
                }
            }

            measured += at >= warm ? entries.Count : 0;
            at += entries.Count;
            if (at - sampled >= step && at >= warm)
            {
                sampled = at;
                moments.Add(new Moment(at - warm, process.WorkingSet64, GC.GetGCMemoryInfo().HeapSizeBytes));
                threads = Math.Max(threads, process.Threads.Count);
                if (models.Count > 1)
                {
                    await Console.Error.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{at - warm} events, {process.WorkingSet64 / 1_000_000} MB, {measured / used.Values.Sum(t => t.TotalSeconds):F0}/s, at {Stopwatch.GetTimestamp() / (double)Stopwatch.Frequency:F1}")).ConfigureAwait(false);
                }
            }
        }

        var managed = GC.GetTotalMemory(forceFullCollection: true);
        var found = await log.GetOffsetsAsync(Topics.Findings, 0).ConfigureAwait(false);
        foreach (var group in groups)
        {
            await group.Processor.CheckpointAsync(CancellationToken.None).ConfigureAwait(false);
        }

        var state = Directory.GetFiles(folder.File("log"), "*", SearchOption.AllDirectories).Sum(f => new FileInfo(f).Length);
        return new Measured(scoring.LoadedModels, measured / used.Values.Sum(t => t.TotalSeconds), allocated / (double)measured, used.ToDictionary(u => u.Key.Name, u => u.Value.TotalMicroseconds / measured), collections, moments, managed, threads, (int)found.End, groups.Sum(g => g.Processor.Status().Count(s => s.State == MonitorState.Armed)), state);
    }

    private static ModelDescription Describe(string name, int width) =>
        new() { Name = name, Version = "1", Schema = ModelSchema.Numeric(width), Outputs = [new OutputTensor("y", 1, OutputRole.Regression)] };

    private static async Task<Profile> FitAsync(MonitorKinds kinds, IReadOnlyList<WatchedMonitor> monitors, int width)
    {
        var random = new Random(width);
        var inputs = new float[ReferenceRows * width];
        var outputs = new float[ReferenceRows];
        for (var row = 0; row < ReferenceRows; row++)
        {
            outputs[row] = Source.Fill(random, inputs.AsSpan(row * width, width));
        }

        var reference = ReferenceData.Split(ReferenceData.FromMatrix(Describe("reference", width), inputs, ReferenceRows, [outputs]));
        var fitted = await new ProfileFitter(kinds).FitAsync(monitors, reference, "reference", null, CancellationToken.None).ConfigureAwait(false);
        return fitted.Failures.Count == 0 ? fitted.Profile : throw new InvalidOperationException(string.Join("; ", fitted.Failures));
    }

    private sealed record Measured(int Sessions, double Rate, double BytesPerEvent, Dictionary<string, double> Groups, int[] Collections, List<Moment> Moments, long ManagedBytes, int Threads, int Findings, int Armed, long StateBytes);

    /// <summary>Least-squares slope.</summary>
    private static double Slope(List<(double X, double Y)> points)
    {
        double x = points.Average(p => p.X), y = points.Average(p => p.Y);
        return points.Sum(p => (p.X - x) * (p.Y - y)) / points.Sum(p => (p.X - x) * (p.X - x));
    }

    private sealed record Moment(long Events, long WorkingSet, long Live);

    /// <summary>Events of many models from the population of their profiles, a thousand a second of log time; one after the other where they have no weights.</summary>
    private sealed class Source(IReadOnlyList<(string Name, int Width)> models, double[]? weights)
    {
        private readonly Random _random = new(1);
        private readonly double[] _cumulative = Cumulate(weights ?? []);
        private readonly ulong[] _sequences = new ulong[models.Count];
        private long _next;

        public List<LogEntry> Take(int count)
        {
            var entries = new List<LogEntry>(count);
            for (var i = 0; i < count; i++)
            {
                // Every model speaks once, in the warm-up: loading its profile is not what is measured.
                var model = (int)Math.Min(_next, int.MaxValue);
                if (weights is null)
                {
                    model = (int)(_next % models.Count);
                }
                else if (model >= models.Count)
                {
                    model = Array.BinarySearch(_cumulative, _random.NextDouble() * _cumulative[^1]);
                    model = Math.Min(model < 0 ? ~model : model, models.Count - 1);
                }

                var row = new float[models[model].Width];
                float[] answer = [Fill(_random, row)];
                var inference = new InferenceEvent
                {
                    Id = _next.ToString("x16", CultureInfo.InvariantCulture) + "-00000000",
                    Model = models[model].Name,
                    ModelVersion = "1",
                    Status = 200,
                    Client = new Client { Id = "client-" + _random.Next(50).ToString(CultureInfo.InvariantCulture), Source = "api-key" },
                    Source = new Contracts.Source { Instance = "bench", StartUnixNano = 1, Sequence = ++_sequences[model] },
                };
                inference.Inputs.Add(new Tensor { Name = "x", Datatype = "FP32", Shape = { 1, row.Length }, Data = ByteString.CopyFrom(MemoryMarshal.AsBytes<float>(row)) });
                inference.Outputs.Add(new Tensor { Name = "y", Datatype = "FP32", Shape = { 1, 1 }, Data = ByteString.CopyFrom(MemoryMarshal.AsBytes<float>(answer)) });
                entries.Add(new LogEntry(Topics.InferenceEvents, 0, _next, 1_780_000_000_000_000_000 + (_next * 1_000_000L), default, inference.ToByteArray(), []));
                _next++;
            }

            return entries;
        }

        /// <summary>A row of correlated Gaussians; returns the answer to it.</summary>
        public static float Fill(Random random, Span<float> row)
        {
            var common = Gaussian(random);
            var sum = 0.0;
            for (var c = 0; c < row.Length; c++)
            {
                row[c] = (float)((0.5 * common) + (0.866 * Gaussian(random)));
                sum += row[c];
            }

            return (float)(sum / row.Length);
        }

        private static double Gaussian(Random random) => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());

        private static double[] Cumulate(double[] weights)
        {
            var result = new double[weights.Length];
            var sum = 0.0;
            for (var i = 0; i < result.Length; i++)
            {
                result[i] = sum += weights[i];
            }

            return result;
        }
    }
}
