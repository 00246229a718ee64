using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Monitoring.Contracts;
using Monitoring.Drift;
using Monitoring.EventLog;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;
using Monitoring.Replay.Replaying;
using Monitoring.Replay.Search;
using Monitoring.Replay.Tests.Search;
using Monitoring.TestKit;

namespace Monitoring.Replay.Tests.Replaying;

/// <summary>The real drift monitor in a real host finds a change; the replay of its log must find the same, byte for byte.</summary>
public sealed class ReplayTests
{
    private const int Clean = 2500;
    private const int Changed = 1200;
    private static readonly IServiceModule[] s_modules = [new DriftModule(), new ReplayModule()];

    [Fact]
    public async Task Replay_of_a_run_is_identical_and_other_settings_show_as_a_diff()
    {
        using var directory = new TemporaryDirectory();
        var config = await WriteAsync(directory, "monitoring.yaml", "");
        ReplayCheckResult check;
        await using (var app = MonitoringHost.Build(CheckVerb.Load(config, s_modules), s_modules))
        {
            await app.StartAsync(TestContext.Current.CancellationToken);
            await app.Services.GetRequiredService<LogTopics>().Ready;
            var log = app.Services.GetRequiredService<IEventLog>();
            var random = new Random(11);
            var calls = Enumerable.Range(0, Clean + Changed).Select(i => Calls.Event(
                $"e{i}", "m", $"c{i}", [[Gaussian(random) + (i < Clean ? 0 : 2), Gaussian(random)]], [[0.5f, 0.5f]])).ToList();
            foreach (var chunk in calls.Chunk(300))
            {
                await log.AppendAsync(Topics.InferenceEvents, [.. chunk.Select(c => Calls.Record(c))], TestContext.Current.CancellationToken);
            }

            var monitors = app.Services.GetServices<IHostedService>().OfType<MonitorGroupService>().Where(m => m.WatchesModels).ToList();
            Assert.NotEmpty(monitors);
            await Eventually.TrueAsync(() => monitors.All(m => m.EventsConsumed == calls.Count), "all events are consumed", TimeSpan.FromSeconds(120));
            check = await ReplayCheck.RunAsync(app.Services, TestContext.Current.CancellationToken);
            await app.StopAsync(TestContext.Current.CancellationToken);
        }

        Assert.True(check.LiveFindings > 0, "the change was found live");
        Assert.True(check.Identical, string.Join('\n', check.Lines));
        Assert.Equal(check.LiveFindings, check.ReplayedFindings);
        Assert.Equal(Clean + Changed, check.Events);

        // As a verb, after the run; twice the same.
        Assert.Equal(0, await RunAsync("replay", "--config", config, "--json", directory.File("a.json")));
        Assert.Equal(0, await RunAsync("replay", "--config", config, "--json", directory.File("b.json")));
        var (a, b) = (Json(directory.File("a.json")), Json(directory.File("b.json")));
        Assert.True(a.GetProperty("identical").GetBoolean());
        Assert.Equal(check.Sha256, a.GetProperty("sha256").GetString());
        Assert.Equal(a.GetProperty("sha256").GetString(), b.GetProperty("sha256").GetString());

        // A tolerance that covers the change finds nothing: the findings of the run are gone, and the run itself is untouched.
        var tolerant = await WriteAsync(directory, "tolerant.yaml", "    tolerance: 0.9\n    monitors: [{ kind: evidence, name: evidence, muted: true }]\n");
        Assert.Equal(0, await RunAsync("replay", "--config", config, "--with", tolerant, "--json", directory.File("c.json")));
        var c = Json(directory.File("c.json"));
        Assert.False(c.GetProperty("identical").GetBoolean());
        Assert.Equal(0, c.GetProperty("pages").GetInt32());
        Assert.Equal(0, await RunAsync("replay", "--config", config, "--json", directory.File("d.json")));
        Assert.True(Json(directory.File("d.json")).GetProperty("identical").GetBoolean());

        Assert.Equal(2, await RunAsync("replay", "--config", config, "--from", "yesterday"));

        // Back into a topic, order and log times kept.
        Assert.Equal(0, await RunAsync("replay", "--config", config, "--into", "inference.again"));
        Assert.Equal(2, await RunAsync("replay", "--config", config, "--into", Topics.InferenceEvents));
        await using var read = EventLogFactory.Create(LoadedConfiguration.Load(config, ConfigurationValidators.BuiltIn), TimeProvider.System, Microsoft.Extensions.Logging.Abstractions.NullLoggerFactory.Instance, readOnly: true);
        for (var p = 0; p < await read.GetPartitionCountAsync(Topics.InferenceEvents, TestContext.Current.CancellationToken); p++)
        {
            var before = await read.ReadAsync(Topics.InferenceEvents, p, 0, long.MaxValue, TestContext.Current.CancellationToken).ToListAsync(TestContext.Current.CancellationToken);
            var after = await read.ReadAsync("inference.again", p, 0, long.MaxValue, TestContext.Current.CancellationToken).ToListAsync(TestContext.Current.CancellationToken);
            Assert.Equal(before.Select(e => (e.TimeUnixNano, Convert.ToHexString(e.Value!.Value.Span))), after.Select(e => (e.TimeUnixNano, Convert.ToHexString(e.Value!.Value.Span))));
        }
    }

    [Fact]
    public void Diff_names_the_fields_that_changed()
    {
        Finding[] before = [new() { Id = "a", Score = 1, Summary = "x", Effect = new Effect { Size = 2 } }, new() { Id = "b", Model = "m" }, new() { Id = "same", PValue = double.NaN }];
        Finding[] after = [new() { Id = "a", Score = 1.5, Summary = "x", Effect = new Effect { Size = 3 } }, new() { Id = "c" }, new() { Id = "same", PValue = double.NaN }];
        var diff = FindingDiff.Between(before, after);
        Assert.Equal((1, 1, 1, 1), (diff.Same, diff.Changed.Count, diff.OnlyBefore.Count, diff.OnlyAfter.Count));
        Assert.Equal(["score: 1 → 1.5", "effect.size: 2 → 3"], diff.Changed[0].Fields);
        Assert.Equal("1 findings are the same, 1 changed, 1 are gone, 1 are new", diff.Describe().First());
        Assert.True(FindingDiff.Between(before, before).IsIdentical);

        // Made with other settings and saying the same: no change of what was found, and not identical either.
        var restated = FindingDiff.Between([new() { Id = "a", Score = 1, Provenance = new Provenance { ConfigurationSha256 = "x" } }], [new() { Id = "a", Score = 1, Provenance = new Provenance { ConfigurationSha256 = "y" } }]);
        Assert.Equal((0, 1, 0), (restated.Same, restated.Restated, restated.Changed.Count));
        Assert.False(restated.IsIdentical);
    }

    [Fact]
    public async Task Publishing_keeps_the_pace_and_merges_partitions_by_time()
    {
        var time = new Microsoft.Extensions.Time.Testing.FakeTimeProvider();
        var log = new MemoryLog();
        await log.EnsureTopicAsync(new TopicDefinition(Topics.InferenceEvents, 2), TestContext.Current.CancellationToken);
        for (var i = 0; i < 10; i++)
        {
            log.Now += 999_000_000;
            await log.AppendAsync(Topics.InferenceEvents, Calls.Record(Calls.Flight($"e{i}", "c", 1, 1, 1, 0), i % 2), TestContext.Current.CancellationToken);
        }

        // Ten records, a second apart: nine seconds at 1x, three at 3x.
        var publishing = new RangePublisher(log, time).PublishAsync(Topics.InferenceEvents, "again", 0, long.MaxValue, 3, TestContext.Current.CancellationToken);
        var waited = TimeSpan.Zero;
        while (!publishing.IsCompleted && waited < TimeSpan.FromSeconds(10))
        {
            time.Advance(TimeSpan.FromMilliseconds(100));
            waited += TimeSpan.FromMilliseconds(100);
            await Task.Yield();
        }

        Assert.Equal(10, await publishing);
        Assert.InRange(waited, TimeSpan.FromSeconds(2.9), TimeSpan.FromSeconds(10));
        Assert.Equal(5, log.Partition("again", 0).Count);
        Assert.Equal(log.Partition(Topics.InferenceEvents, 1)[0].TimeUnixNano.ToString(System.Globalization.CultureInfo.InvariantCulture), Encoding.UTF8.GetString(log.Partition("again", 1)[0].Headers.Single(h => h.Name == Headers.LogTime).Value.Span));
    }

    internal static async Task<string> WriteAsync(TemporaryDirectory directory, string name, string more)
    {
        await File.WriteAllTextAsync(directory.File("m.schema.json"), """{ "features": [ { "name": "a", "type": "number" }, { "name": "b", "type": "number" } ] }""", TestContext.Current.CancellationToken);
        var random = new Random(5);
        WriteNpy(directory.File("m.npy"), [.. Enumerable.Range(0, 6000).Select(_ => Gaussian(random))], 3000, 2);
        var file = directory.File(name);
        await File.WriteAllTextAsync(file, $"data: data\napi: {{ listen: [\"http://127.0.0.1:0\"] }}\nmodels:\n  - name: m\n    schema: m.schema.json\n    reference: m.npy\n{more}", TestContext.Current.CancellationToken);
        return file;
    }

    private static void WriteNpy(string file, float[] values, int rows, int columns)
    {
        var header = $"{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {columns}), }}";
        header = header.PadRight(117) + "\n";
        using var stream = File.Create(file);
        stream.Write([0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y', 1, 0, (byte)(header.Length & 255), (byte)(header.Length >> 8)]);
        stream.Write(Encoding.ASCII.GetBytes(header));
        stream.Write(System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(values));
    }

    internal static float Gaussian(Random random) => (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));

    private static JsonElement Json(string file) => JsonDocument.Parse(File.ReadAllText(file)).RootElement;

    private static Task<int> RunAsync(params string[] args) => MonitoringApplication.RunAsync(args, s_modules, new ReplayVerb(s_modules));
}
