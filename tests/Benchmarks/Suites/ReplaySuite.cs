using System.Globalization;
using System.Runtime.InteropServices;
using Google.Protobuf;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.Drift;
using Monitoring.EventLog;
using Monitoring.EventLog.Embedded;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;
using Monitoring.Hosting.Tables;
using Monitoring.Inference;
using Monitoring.Outlier;
using Monitoring.Replay;
using Monitoring.Replay.Replaying;
using Monitoring.Scoring;
using Monitoring.TestKit;

namespace Monitoring.Benchmarks.Suites;

/// <summary>
/// <c>replay [--events N] [--runs 2] [--seconds S] [--repository .]</c>: flights through the default monitors of drift and outlier, twice or oftener: whether the runs agree byte for byte,
/// and how many events a second pass through all groups, against the rate at which the same model serves such calls over HTTP in the same process right afterwards. The calls served
/// are in a log then: as a second figure that log is replayed too, against the rate at which its events were recorded.
/// </summary>
internal static class ReplaySuite
{
    public static async Task<object> RunAsync(BenchmarkArguments arguments)
    {
        var events = int.Parse(arguments["events", "50000"], CultureInfo.InvariantCulture);
        var demo = Path.GetFullPath(Path.Combine(arguments["repository", "."], "infra", "demo"));
        IServiceModule[] modules = [new DriftModule(), new OutlierModule(), new ReplayModule()];
        using var directory = new TemporaryDirectory();
        var config = directory.File("monitoring.yaml");
        await File.WriteAllTextAsync(config, $$"""
            data: data
            models:
              - name: flights
                onnx: { path: '{{Path.Combine(demo, "flights.onnx")}}' }
                schema: '{{Path.Combine(demo, "flights.schema.json")}}'
                reference: '{{Path.Combine(demo, "flights-population.X.npy")}}'
            """);
        await using var host = MonitoringHost.Build(CheckVerb.Load(config, modules), modules);
        var configuration = host.Services.GetRequiredService<LoadedConfiguration>();
        await using var log = EmbeddedEventLog.Open(new EmbeddedEventLogOptions { Directory = directory.File("log") }, TimeProvider.System, NullLoggerFactory.Instance);
        await log.EnsureTopicAsync(new TopicDefinition(Topics.InferenceEvents, 4));
        await log.EnsureTopicAsync(new TopicDefinition(Topics.Findings, 4));
        await FillAsync(log, NpyFile.Read(Path.Combine(demo, "flights-population.X.npy")), host.Services.GetRequiredService<ScoringRuntime>(), Path.Combine(demo, "flights.onnx"), events);

        var runs = new List<ReplayResult>();
        var processor = new List<double>();
        var pauses = new List<double>();
        var allocated = new List<double>();
        for (var i = 0; i < Math.Max(2, int.Parse(arguments["runs", "2"], CultureInfo.InvariantCulture)); i++)
        {
            var (paused, bytes) = (GC.GetTotalPauseDuration(), GC.GetTotalAllocatedBytes());
            var (run, time) = await ReplayAsync(host.Services, configuration, log);
            allocated.Add((GC.GetTotalAllocatedBytes() - bytes) / (double)events);
            pauses.Add((GC.GetTotalPauseDuration() - paused).TotalSeconds);
            runs.Add(run);
            processor.Add(time.TotalMicroseconds / events);
        }

        using var served = new TemporaryDirectory();
        var (serving, record) = await ServingAsync(demo, served, double.Parse(arguments["seconds", "5"], CultureInfo.InvariantCulture));
        await using var recorded = EventLogFactory.Create(record, TimeProvider.System, NullLoggerFactory.Instance);
        var (again, _) = await ReplayAsync(host.Services, configuration, recorded);
        var calls = again.Events / 2;
        var replayed = runs.Max(r => events / r.Seconds);
        return new
        {
            replayedPerSecond = replayed,
            servedPerSecond = serving,
            ratio = replayed / serving,
            goal = 20,
            events,
            eventsTimesGroups = runs[0].Events,
            findings = runs[0].Findings.Count,
            identical = runs.TrueForAll(r => r.Sha256 == runs[0].Sha256),
            eventsPerSecond = runs.Select(r => r.EventsPerSecond),

            garbageCollectorPauseSeconds = pauses,
            allocatedBytesPerEvent = allocated,

            // Of all cores, for all groups together.
            processorMicrosecondsPerEvent = processor,
            recording = new { events = calls, recordedPerSecond = calls / again.Recorded.TotalSeconds, replayedPerSecond = calls / again.Seconds, ratioToRecording = again.TimesRecorded },
        };
    }

    /// <summary>One replay and its processor time.</summary>
    private static async Task<(ReplayResult Result, TimeSpan Processor)> ReplayAsync(IServiceProvider services, LoadedConfiguration configuration, IEventLog log)
    {
        using var plan = await ReplayPlan.CreateAsync(services, configuration, Path.Combine(configuration.DataDirectory, "profiles"), new HashSet<string>(), refit: false, CancellationToken.None);
        var before = Environment.CpuUsage.TotalTime;
        var result = await new ReplayRunner(log, services.GetRequiredService<MonitorKinds>(), BuildIdentity.Current(), TimeProvider.System).RunAsync(plan.Groups, 0, long.MaxValue, CancellationToken.None);
        return (result, Environment.CpuUsage.TotalTime - before);
    }

    /// <summary>Calls a second that the product serves and captures, with 16 connections from this process; half as long to warm up. And where their events lie.</summary>
    private static async Task<(double PerSecond, LoadedConfiguration Configuration)> ServingAsync(string demo, TemporaryDirectory folder, double seconds)
    {
        var configuration = LoadedConfiguration.Parse(
            $$"""
            api: { listen: ["http://127.0.0.1:0"] }
            models:
              - name: flights
                client: [address]
                onnx: { path: '{{Path.Combine(demo, "flights.onnx")}}' }
                schema: '{{Path.Combine(demo, "flights.schema.json")}}'
            """,
            folder.File("monitoring.yaml"),
            ConfigurationValidators.BuiltIn);
        await using var served = MonitoringHost.Build(configuration, [new InferenceModule()], s => s.AddLogging(l => l.SetMinimumLevel(LogLevel.Warning)));
        await served.StartAsync();
        var rows = NpyFile.Read(Path.Combine(demo, "flights-population.X.npy"));
        byte[][] requests = [.. Enumerable.Range(0, rows.Rows).Select(i => Request(rows.Row(i)))];
        var address = InferenceSuite.Address(served);
        await InferenceSuite.Load.RunAsync(address, requests, 16, seconds / 2, rate: null);
        var (perSecond, _) = await InferenceSuite.Load.RunAsync(address, requests, 16, seconds, rate: null);
        await InferenceSuite.DrainAsync(served);
        await served.StopAsync();
        return (perSecond, configuration);
    }

    private static byte[] Request(ReadOnlySpan<float> row)
    {
        var json = $$$"""{"inputs":[{"name":"features","shape":[1,5],"datatype":"FP32","data":[{{{string.Join(',', row.ToArray().Select(v => v.ToString("R", CultureInfo.InvariantCulture)))}}}]}]}""";
        return System.Text.Encoding.ASCII.GetBytes($"POST /v2/models/flights/infer HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {json.Length}\r\n\r\n{json}");
    }

    private static async Task FillAsync(EmbeddedEventLog log, NpyFile rows, ScoringRuntime scoring, string file, int count)
    {
        using var model = scoring.LoadFile("flights", file);
        var random = new Random(1);
        for (var sent = 0; sent < count; sent += 500)
        {
            var batch = Enumerable.Range(0, 500).SelectMany(_ => rows.Row(random.Next(rows.Rows)).ToArray()).ToArray();
            var answer = model.Run([ScoringTensor.Create("features", batch, 500, 5)])[0];
            await log.AppendAsync(Topics.InferenceEvents, [.. Enumerable.Range(0, 500).Select(i => Record(sent + i, batch.AsSpan(i * 5, 5), answer.AsSpan<float>().Slice(i * 2, 2)))]);
        }
    }

    private static LogRecord Record(int number, ReadOnlySpan<float> inputs, ReadOnlySpan<float> outputs)
    {
        var call = new InferenceEvent
        {
            Id = $"e{number}",
            Model = "flights",
            ModelVersion = "1",
            Client = new Client { Id = $"c{number}", Source = "api-key" },
            Status = 200,
            Inputs = { new Tensor { Name = "features", Datatype = "FP32", Shape = { 1, 5 }, Data = ByteString.CopyFrom(MemoryMarshal.AsBytes(inputs)) } },
            Outputs = { new Tensor { Name = "probabilities", Datatype = "FP32", Shape = { 1, 2 }, Data = ByteString.CopyFrom(MemoryMarshal.AsBytes(outputs)) } },
        };
        return new LogRecord(System.Text.Encoding.UTF8.GetBytes("flights"), call.ToByteArray(), [new LogHeader(Headers.Id, System.Text.Encoding.UTF8.GetBytes(call.Id))], number % 4);
    }
}
