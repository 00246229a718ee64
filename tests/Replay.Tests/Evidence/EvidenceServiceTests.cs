using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Monitoring.Contracts;
using Monitoring.EventLog;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;
using Monitoring.Replay.Evidence;
using Monitoring.Replay.Tests.Search;
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
            await log.AppendAsync(Topics.InferenceEvents, Calls.Record(Calls.Flight("late", "c", 1, 0, 2, 0.5f), 1), TestContext.Current.CancellationToken);
            await app.StopAsync(TestContext.Current.CancellationToken);
        }

        var bundle = directory.File("incident.zip");
        var pub = directory.File("data/keys/evidence.pem.pub");
        Assert.Equal(0, await RunAsync("evidence", "export", "--config", config, "--finding", "f1", "--range", "inference.events/1:4090-4200", "--out", bundle));
        Assert.Equal(0, await RunAsync("evidence", "verify", bundle, "--key", pub, "--json", directory.File("verify.json")));
        Assert.Contains("\"sealedRecords\": 112", await File.ReadAllTextAsync(directory.File("verify.json"), TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.Equal(0, await RunAsync("evidence", "audit", "--config", config));

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

    private static WebApplication Build(string config) =>
        MonitoringHost.Build(LoadedConfiguration.Load(config, ConfigurationValidators.BuiltIn), [new ReplayModule()]);

    private static Task<int> RunAsync(params string[] args) =>
        MonitoringApplication.RunAsync(args, [new ReplayModule()], new EvidenceVerb(), new Replay.Search.SearchVerb());
}
