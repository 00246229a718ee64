using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging.Abstractions;
using Monitoring.Alerting;
using Monitoring.AllInOne.Demo;
using Monitoring.Contracts;
using Monitoring.EventLog;
using Monitoring.EventLog.Embedded;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;
using Monitoring.Hosting.Tables;
using Monitoring.TestKit;

namespace Monitoring.EndToEnd.Tests.Kill;

/// <summary>
/// The whole product under load is disturbed and ends; then it is started once more. In the end: every answered call is in the log once or with the same
/// id; findings and evidence are, byte for byte, those of an undisturbed installation that reads the same events; incidents, messages and pinned evidence
/// are those of an undisturbed one that reads the same findings; the receiver was sent nothing twice but what is marked as uncertain.
/// </summary>
public abstract class DisturbedProductTests
{
    protected const int Partitions = 2;
    private const int ReferenceRows = 3000;
    private static readonly string[] s_models = ["early", "late", "new"];
    private static readonly TimeSpan s_long = TimeSpan.FromMinutes(4);

    /// <summary>Calls in all.</summary>
    protected virtual int Calls => 1200;

    /// <summary>The <c>log</c> section under test.</summary>
    protected abstract string Log { get; }

    /// <summary>Runs one disturbance and compares.</summary>
    protected async Task RunAsync(int seed)
    {
        var token = TestContext.Current.CancellationToken;
        var secret = "whsec_" + Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));
        await using var hook = await WebhookReceiver.StartAsync(secret, TimeProvider.System);
        using var folder = new TemporaryDirectory();
        using var calm = new TemporaryDirectory();
        using var told = new TemporaryDirectory();
        await using var calmHook = await WebhookReceiver.StartAsync(secret, TimeProvider.System);
        await using var toldHook = await WebhookReceiver.StartAsync(secret, TimeProvider.System);
        var rows = NpyFile.Read(Path.Combine(AppContext.BaseDirectory, "demo", "flights-population.X.npy"));
        var file = Write(folder, rows, Log, hook.Url, secret);

        var address = Listen();
        using var load = new KillLoad(() => address, s_models, rows, seed, Calls);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(token);
        var calling = load.RunAsync(stop.Token);
        await DisturbAsync(file, address, load, new Random(seed), token);

        await using var survivor = await Installation.StartAsync(file, AllInOne.Program.Modules, token);
        address = survivor.Address;
        await calling.WaitAsync(s_long, token);
        await survivor.SettleAsync(token);
        Assert.Empty(load.Refused);
        for (var partition = 0; partition < Partitions; partition++)
        {
            // librdkafka's mock cluster forgets the oldest records of a partition beyond some megabytes: then this shows nothing.
            Assert.Equal(0, (await survivor.Log.GetOffsetsAsync(Topics.InferenceEvents, partition, token)).Start);
        }

        var events = await LogContent.EventsAsync(survivor.Log, token);
        AssertMissing([.. load.Answered.Except(events.Select(e => e.RequestId), StringComparer.Ordinal)]);
        Assert.All(events.GroupBy(e => e.RequestId), g => Assert.Single(g.Select(e => e.Id).Distinct()));
        var findings = await LogContent.FindingsAsync(survivor.Log, token);
        Assert.True(findings.Count >= 4, $"only {findings.Count} findings: the test shows nothing\n{survivor.Evidence()}");

        // The same events, undisturbed.
        await using (var undisturbed = await CopyAsync(survivor.Log, Write(calm, rows, "{ partitions: 2, checkpointInterval: 500ms }", calmHook.Url, secret), AllInOne.Program.Modules, [Topics.InferenceEvents], token))
        {
            await undisturbed.SettleAsync(token);
            Assert.Equal(await LogContent.FindingsAsync(undisturbed.Log, token), findings);
            Assert.Equal(undisturbed.Evidence(), survivor.Evidence());
            Assert.Equal(await undisturbed.MembershipAsync(token), await survivor.MembershipAsync(token));
            await undisturbed.StopAsync();
        }

        // The same findings in the same order, undisturbed.
        await using (var undisturbed = await CopyAsync(survivor.Log, Write(told, rows, "{ partitions: 2 }", toldHook.Url, secret), [new AlertingModule()], [Topics.InferenceEvents, Topics.Findings], token))
        {
            await undisturbed.AlertedAsync(token);
            Assert.Equal(await undisturbed.IncidentsAsync(token), await survivor.IncidentsAsync(token));
            await undisturbed.StopAsync();
        }

        Assert.Equal(toldHook.Deliveries.Select(d => d.Id).Order(StringComparer.Ordinal), hook.Deliveries.Select(d => d.Id).Order(StringComparer.Ordinal));
        Assert.Equal((0, 0, 0), (hook.Rejected, toldHook.Rejected, toldHook.Duplicates));
        var uncertain = await survivor.UncertainAsync(token);
        Assert.All(hook.Repeated, id => Assert.Contains(id, uncertain));
        await survivor.StopAsync();
    }

    /// <summary>Answered calls that are not in the log.</summary>
    protected virtual void AssertMissing(IReadOnlyCollection<string> missing) =>
        Assert.True(missing.Count == 0, $"{missing.Count} answered calls are not in the log: {string.Join(' ', missing.Take(20))}");

    /// <summary>Waits until some more calls were answered, or all.</summary>
    /// <param name="product">Must be there all the time.</param>
    /// <param name="load">Who calls.</param>
    /// <param name="more">Answers.</param>
    /// <param name="what">What that shows.</param>
    private protected Task AnsweredAsync(ProductProcess product, KillLoad load, int more, string what)
    {
        var enough = Math.Min(load.Answered.Count + more, Calls);
        return Eventually.TrueAsync(
            () =>
            {
                Assert.False(product.HasExited, product.Output);
                return load.Answered.Count >= enough;
            },
            $"{what}: {product.Output}",
            s_long);
    }

    /// <summary>Starts the product and disturbs it under load until it is gone.</summary>
    private protected abstract Task DisturbAsync(string file, Uri address, KillLoad load, Random random, CancellationToken token);

    /// <summary>An installation that finds what <paramref name="topics"/> hold in its own embedded log, at the same offsets and log times.</summary>
    internal static async Task<Installation> CopyAsync(IEventLog from, string file, IReadOnlyList<IServiceModule> modules, string[] topics, CancellationToken token)
    {
        var options = new EmbeddedEventLogOptions { Directory = Path.Combine(Path.GetDirectoryName(file)!, "data", "log") };
        await using (var log = EmbeddedEventLog.Open(options, TimeProvider.System, NullLoggerFactory.Instance))
        {
            foreach (var topic in LogTopics.Definitions(new LogConfiguration { Partitions = Partitions }).Where(t => topics.Contains(t.Name)))
            {
                await LogContent.CopyAsync(from, log, topic, token);
            }
        }

        return await Installation.StartAsync(file, modules, token);
    }

    /// <summary>Writes the configuration of the installation under test and what it needs; returns the file.</summary>
    internal static string Write(TemporaryDirectory folder, NpyFile rows, string log, Uri hook, string secret)
    {
        var demo = Path.Combine(AppContext.BaseDirectory, "demo");
        var random = new Random(7);
        NpyFile.Write(folder.File("reference.npy"), [ReferenceRows, rows.Width], [.. Enumerable.Range(0, ReferenceRows).SelectMany(_ => rows.Row(random.Next(rows.Rows)).ToArray())]);
        File.WriteAllText(folder.File("hook.secret"), secret);
        string Model(string name, string source, string monitors) => $$"""
              - name: {{name}}
                onnx: { path: '{{demo}}/flights.onnx' }
                schema: '{{demo}}/flights.schema.json'
                {{source}}
                client: ['header:X-Client']
                trustedProxies: [127.0.0.1]
                {{monitors}}
            """;
        File.WriteAllText(folder.File("monitoring.yaml"), $$"""
            data: data
            log: {{log}}
            models:
            {{Model("early", "reference: reference.npy", "monitors: [{ kind: evidence }, { kind: ks }, { kind: mmd }, { kind: knn }, { kind: query-budget }, { kind: quality }]")}}
            {{Model("late", "reference: reference.npy", "")}}
            {{Model("new", "learningDraws: 120", "")}}
            alerting: { resolveAfter: 10d, staleAfter: 10d }
            receivers:
              - name: hook
                severity: record
                allowPrivateAddresses: true
                webhook: { url: '{{hook}}', secret: 'file:{{folder.File("hook.secret")}}' }

            """);
        return folder.File("monitoring.yaml");
    }

    private static Uri Listen()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}"));
    }
}
