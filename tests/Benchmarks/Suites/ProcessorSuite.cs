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
using Monitoring.TestKit;

namespace Monitoring.Benchmarks.Suites;

/// <summary>
/// <c>processor [--events N] [--models N]</c>: records per second of processor time through a whole partition — decoding, rows, admission, the default kind on three columns,
/// findings, checkpoints on the embedded log — for one model and for many with Zipf traffic; decoding alone is the baseline of the same run.
/// </summary>
internal static class ProcessorSuite
{
    private const int Batch = 1024;

    public static async Task<object> RunAsync(BenchmarkArguments arguments)
    {
        var count = int.Parse(arguments["events", "200000"], CultureInfo.InvariantCulture);
        var many = int.Parse(arguments["models", "1000"], CultureInfo.InvariantCulture);
        var single = Entries(count, 1);
        var decode = Rate(count, () =>
        {
            foreach (var entry in single)
            {
                InferenceEvent.Parser.ParseFrom(entry.Value!.Value.Span);
            }

            return ValueTask.CompletedTask;
        });

        // Compiled first: a benchmark of the compiler is not wanted.
        await ProcessAsync(single[..Math.Min(count, 100_000)], 1);
        var one = await ProcessAsync(single, 1);
        var all = await ProcessAsync(Entries(count, many), many);
        return new
        {
            machine = $"{Environment.ProcessorCount} cores, {RuntimeInformation.FrameworkDescription}",
            events = count,
            bytesPerEvent = single[0].Value!.Value.Length,
            decodeOnlyPerSecond = Math.Round(await decode),
            oneModelPerSecond = Math.Round(one.Rate),
            one.Findings,
            models = many,
            manyModelsPerSecond = Math.Round(all.Rate),
            ratio = Math.Round(all.Rate / one.Rate, 3),
            managedMegabytes = GC.GetTotalMemory(forceFullCollection: false) / 1_000_000,
        };
    }

    private static List<LogEntry> Entries(int count, int models)
    {
        var random = new Random(1);
        var weights = Enumerable.Range(1, models).Select(i => 1.0 / i).ToArray();
        var total = weights.Sum();
        var entries = new List<LogEntry>(count);
        for (var i = 0; i < count; i++)
        {
            var pick = random.NextDouble() * total;
            var model = 0;
            while (model < models - 1 && (pick -= weights[model]) > 0)
            {
                model++;
            }

            float[] row = [Gaussian(random), Gaussian(random), Gaussian(random)];
            var inference = new InferenceEvent { Id = "event-" + i, Model = "model-" + model, ModelVersion = "1", Status = 200, Client = new Client { Id = "client-" + random.Next(50) }, Source = new Source { Instance = "bench", StartUnixNano = 1, Sequence = (ulong)i + 1 } };
            inference.Inputs.Add(new Tensor { Name = "x", Datatype = "FP32", Shape = { 1, 3 }, Data = ByteString.CopyFrom(MemoryMarshal.AsBytes<float>(row)) });
            inference.Outputs.Add(new Tensor { Name = "y", Datatype = "FP32", Shape = { 1, 1 }, Data = ByteString.CopyFrom(MemoryMarshal.AsBytes<float>([row[0]])) });
            entries.Add(new LogEntry(Topics.InferenceEvents, 0, i, 1_780_000_000_000_000_000 + (i * 1_000_000L), default, inference.ToByteArray(), []));
        }

        return entries;
    }

    private static async Task<(double Rate, int Findings)> ProcessAsync(List<LogEntry> entries, int models)
    {
        using var folder = new TemporaryDirectory();
        await using var log = EmbeddedEventLog.Open(new EmbeddedEventLogOptions { Directory = folder.File("log") }, TimeProvider.System, NullLoggerFactory.Instance);
        await log.EnsureTopicAsync(new TopicDefinition(Topics.InferenceEvents, 1));
        await log.EnsureTopicAsync(new TopicDefinition(Topics.Findings, 1));
        await using var provider = new ServiceCollection().AddMetrics().BuildServiceProvider();
        using var metrics = new DetectionMetrics(provider.GetRequiredService<IMeterFactory>());
        var kinds = new MonitorKinds([new EvidenceKind()]);
        var profiles = new ProfileStore(folder.File("profiles"), TimeProvider.System);
        var monitor = new WatchedMonitor { Name = "evidence", Kind = "evidence", Share = 1.0 / models };
        var watched = new List<WatchedModel>();
        var random = new Random(2);
        var reference = Enumerable.Range(0, 3 * 2000).Select(_ => Gaussian(random)).ToArray();
        for (var m = 0; m < models; m++)
        {
            var description = new ModelDescription { Name = "model-" + m, Version = "1", Schema = ModelSchema.Numeric(3), Outputs = [new OutputTensor("y", 1, OutputRole.Regression)] };
            var outputs = new float[2000];
            for (var i = 0; i < outputs.Length; i++)
            {
                outputs[i] = reference[3 * i];
            }

            var fitted = await new ProfileFitter(kinds).FitAsync([monitor], ReferenceData.Split(ReferenceData.FromMatrix(description, reference, 2000, [outputs])), "reference", null, CancellationToken.None);
            watched.Add(new WatchedModel { Name = description.Name, Schema = description.Schema, Outputs = description.Outputs, Monitors = [monitor], ProfileSha256 = profiles.Save(fitted.Profile) });
        }

        var configuration = new MonitorGroupConfiguration { Group = "bench", Models = watched };
        var processor = new PartitionProcessor(
            log, new BenchmarkOwner("bench"), new RuntimeServices(kinds, new ProfileFitter(kinds), profiles, new BuildIdentity("bench", "none", "")), new MonitorGroupOptions { Parallelism = 1 }, () => configuration, metrics, TimeProvider.System, NullLogger.Instance);
        await processor.StartAsync(CancellationToken.None);
        var rate = await Rate(entries.Count, async () =>
        {
            for (var start = 0; start < entries.Count; start += Batch)
            {
                await processor.ProcessAsync(entries.GetRange(start, Math.Min(Batch, entries.Count - start)), CancellationToken.None);
            }
        });
        var findings = await log.GetOffsetsAsync(Topics.Findings, 0);
        return (rate, (int)findings.End);
    }

    /// <summary>Per second of processor time of the whole process: a busy machine does not count against the code, the log's own threads do.</summary>
    private static async Task<double> Rate(int count, Func<ValueTask> work)
    {
        var start = Process.GetCurrentProcess().TotalProcessorTime;
        await work();
        return count / (Process.GetCurrentProcess().TotalProcessorTime - start).TotalSeconds;
    }

    private static float Gaussian(Random random) => (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
}
