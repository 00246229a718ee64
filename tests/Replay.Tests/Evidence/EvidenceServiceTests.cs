using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Monitoring.Contracts;
using Monitoring.EventLog;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;
using Monitoring.Replay.Evidence;
using Monitoring.Replay.Tests.Search;
using Monitoring.Storage;
using Monitoring.TestKit;

namespace Monitoring.Replay.Tests.Evidence;

/// <summary>The module in its host, over the embedded log, and the verbs as people call them.</summary>
public sealed class EvidenceServiceTests
{
    [Fact]
    public async Task Running_product_seals_its_log_and_the_verbs_prove_it()
    {
        using var directory = new TemporaryDirectory();
        var config = directory.File("monitoring.yaml");
        await File.WriteAllTextAsync(config, "data: data\napi:\n  listen: [\"http://127.0.0.1:0\"]\nmodels:\n  - name: flights\n", TestContext.Current.CancellationToken);
        var finding = new Finding { Id = "f1", Model = "flights", ModelVersion = "1", Monitor = "m", SampleEventIds = { "e10", "e4095" }, Provenance = new Provenance { ProfileSha256 = "bb" } };
        await using (var app = Build(config))
        {
            await app.StartAsync(TestContext.Current.CancellationToken);
            await app.Services.GetRequiredService<LogTopics>().Ready;
            var log = app.Services.GetRequiredService<IEventLog>();
            await log.AppendAsync(Topics.InferenceEvents, [.. Enumerable.Range(0, 5000).Select(i => Calls.Record(Calls.Flight($"e{i}", "c", 1, 0, 2, 0.5f), 1))], TestContext.Current.CancellationToken);
            await log.AppendAsync(Topics.Findings, new LogRecord("flights"u8.ToArray(), Google.Protobuf.MessageExtensions.ToByteArray(finding), [], 1), TestContext.Current.CancellationToken);
            var chain = new CheckpointChain(Topics.InferenceEvents, 1);
            await Eventually.TrueAsync(
                async () =>
                {
                    await chain.RefreshAsync(log, TestContext.Current.CancellationToken);
                    return chain.NextOffset == 4096;
                },
                "the first segment is sealed");
            await app.StopAsync(TestContext.Current.CancellationToken);
        }

        // A restart goes on where the first run stopped, and the stop sealed the rest.
        await using (var app = Build(config))
        {
            await app.StartAsync(TestContext.Current.CancellationToken);
            await app.Services.GetRequiredService<LogTopics>().Ready;
            var log = app.Services.GetRequiredService<IEventLog>();
            await log.AppendAsync(Topics.Explanations, new LogRecord("flights"u8.ToArray(), Google.Protobuf.MessageExtensions.ToByteArray(new Explanation { Id = "ab01", FindingId = "f1" }), [], 1), TestContext.Current.CancellationToken);
            await log.AppendAsync(Topics.InferenceEvents, Calls.Record(Calls.Flight("late", "c", 1, 0, 2, 0.5f), 1), TestContext.Current.CancellationToken);
            await app.StopAsync(TestContext.Current.CancellationToken);
        }

        var bundle = directory.File("incident.zip");
        var pub = directory.File("data/keys/evidence.pem.pub");
        Assert.Equal(0, await RunAsync("evidence", "export", "--config", config, "--finding", "f1", "--range", "inference.events/1:4090-4200", "--out", bundle));
        Assert.Equal(0, await RunAsync("evidence", "verify", bundle, "--key", pub, "--json", directory.File("verify.json")));
        Assert.Contains("\"sealedRecords\": 113", await File.ReadAllTextAsync(directory.File("verify.json"), TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.Equal(0, await RunAsync("evidence", "audit", "--config", config));

        // An incident brings its findings, what was pinned, its explanations with their drawings, and itself in words.
        await OpenIncidentAsync(directory);
        var incident = directory.File("inc.zip");
        Assert.Equal(0, await RunAsync("evidence", "export", "--config", config, "--incident", "inc-00", "--out", incident));
        Assert.Equal(0, await RunAsync("evidence", "verify", incident, "--key", pub, "--json", directory.File("inc.json")));
        Assert.Contains("\"purpose\": \"incident inc-0011\"", await File.ReadAllTextAsync(directory.File("inc.json"), TestContext.Current.CancellationToken), StringComparison.Ordinal);
        using (var zip = await System.IO.Compression.ZipFile.OpenReadAsync(incident, TestContext.Current.CancellationToken))
        {
            Assert.Contains("attachments/incident.json", zip.Entries.Select(e => e.FullName));
            Assert.Contains("attachments/ab01.png", zip.Entries.Select(e => e.FullName));
            using var events = new StreamReader(zip.GetEntry("events.jsonl")!.Open());
            Assert.Equal(["e10", "e20", "e4095"], (await events.ReadToEndAsync(TestContext.Current.CancellationToken)).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => System.Text.Json.JsonDocument.Parse(l).RootElement.GetProperty("id").GetString()));
        }

        Assert.Equal(2, await RunAsync("evidence", "export", "--config", config, "--incident", "inc-99", "--out", incident));

        var bytes = await File.ReadAllBytesAsync(bundle, TestContext.Current.CancellationToken);
        bytes[bytes.Length / 2] ^= 4;
        await File.WriteAllBytesAsync(bundle, bytes, TestContext.Current.CancellationToken);
        Assert.Equal(1, await RunAsync("evidence", "verify", bundle, "--key", pub));
        Assert.Equal(2, await RunAsync("evidence", "export", "--config", config, "--finding", "none", "--out", bundle));
        Assert.Equal(2, await RunAsync("evidence", "export", "--config", config, "--range", "inference.events/1:9-4", "--out", bundle));
        Assert.Equal(2, await RunAsync("evidence", "verify", directory.File("absent.zip")));

        Assert.Equal(0, await RunAsync("search", "id == \"e10\"", "--config", config, "--json", directory.File("search.json")));
        Assert.Contains("\"id\": \"e10\"", await File.ReadAllTextAsync(directory.File("search.json"), TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.Equal(0, await RunAsync("search", "--config", config, "--finding", "f1", "--format", "csv"));
        Assert.Equal(0, await RunAsync("search", "--config", config, "--similar-to", "e10", "--limit", "3", "--format", "jsonl"));
        Assert.Equal(2, await RunAsync("search", "id = e10", "--config", config));
    }

    private static async Task OpenIncidentAsync(TemporaryDirectory directory)
    {
        Directory.CreateDirectory(directory.File("data/explanations"));
        await File.WriteAllBytesAsync(directory.File("data/explanations/ab01.png"), [1, 2, 3]);
        await using var database = MonitoringDatabase.OpenSqlite(directory.File("data/monitoring.db"), survivesPowerCut: false, TimeProvider.System);
        await database.InitializeAsync();
        await database.WriteAsync((context, _) =>
        {
            context.Add(new Incident { Id = "inc-0011", CorrelationKey = "k", State = IncidentState.Open, Severity = Severity.Harm, Family = Family.Drift, Model = "flights", ModelVersion = "1", Client = "", Sentence = "s" });
            context.Add(new IncidentFinding { IncidentId = "inc-0011", FindingId = "f1", TimeUnixNano = 1, Monitor = "m", Kind = "k", Severity = Severity.Harm, Payload = [], Pin = PinState.Pinned });
            context.Add(new PinnedEvidence { IncidentId = "inc-0011", EventId = "e20", Topic = Topics.InferenceEvents, Partition = 1, Offset = 20, TimeUnixNano = 1, Payload = [], Sha256 = "" });
            return Task.CompletedTask;
        });
    }

    private static WebApplication Build(string config) =>
        MonitoringHost.Build(LoadedConfiguration.Load(config, ConfigurationValidators.BuiltIn), [new ReplayModule()]);

    private static Task<int> RunAsync(params string[] args) =>
        MonitoringApplication.RunAsync(args, [new ReplayModule()], new EvidenceVerb(), new Replay.Search.SearchVerb());
}
