using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging.Abstractions;
using Monitoring.AllInOne.Demo;
using Monitoring.Contracts;
using Monitoring.EndToEnd.Tests.Kill;
using Monitoring.EventLog;
using Monitoring.EventLog.Kafka;
using Monitoring.Hosting.Tables;
using Monitoring.TestKit;

namespace Monitoring.EndToEnd.Tests;

/// <summary>
/// The distributed form: <c>infra/launch.sh</c> starts every service as a process of its own, which meet over the Kafka protocol alone. On the same traffic they make,
/// byte for byte, the findings that one process makes on the embedded log.
/// </summary>
public sealed partial class LauncherTests : IDisposable
{
    private const int Partitions = 2;
    private const int Calls = 1200;
    private const int Services = 11;
    private static readonly TimeSpan s_long = TimeSpan.FromMinutes(5);
    private readonly MockKafkaCluster _cluster = new();
    private readonly TemporaryDirectory _folder = new();

    public void Dispose()
    {
        _cluster.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Every_service_as_its_own_process_makes_the_findings_of_one_process()
    {
        var token = TestContext.Current.CancellationToken;
        ProductTopics.CreateAll(_cluster, Partitions);
        var secret = "whsec_" + Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));
        await using var hook = await WebhookReceiver.StartAsync(secret, TimeProvider.System);
        var rows = NpyFile.Read(Path.Combine(AppContext.BaseDirectory, "demo", "flights-population.X.npy"));
        var log = $"{{ kind: kafka, partitions: {Partitions}, kafka: {{ bootstrapServers: '{_cluster.BootstrapServers}', groupProtocol: consumer }} }}";
        var file = DisturbedProductTests.Write(_folder, rows, log, hook.Url, secret);
        var port = FreePorts();
        using var launcher = Launch(file, port);
        try
        {
            await ReadyAsync(launcher, token);

            // The file is the whole installation's: a service alone reads it again without refusing the others' kinds.
            using var http = new HttpClient();
            using var reload = await http.PostAsync(new Uri($"http://127.0.0.1:{port}/api/reload"), null, token);
            Assert.True(reload.IsSuccessStatusCode, await reload.Content.ReadAsStringAsync(token));
            using var load = new KillLoad(() => new Uri($"http://127.0.0.1:{port}"), ["early", "late", "new"], rows, seed: 1, Calls);
            await load.RunAsync(token).WaitAsync(s_long, token);
            Assert.Empty(load.Refused);

            await using var kafka = new KafkaEventLog(new KafkaEventLogOptions { BootstrapServers = _cluster.BootstrapServers, GroupProtocol = KafkaGroupProtocol.Consumer }, TimeProvider.System, NullLoggerFactory.Instance);
            await Eventually.TrueAsync(async () => (await LogContent.EventsAsync(kafka, token)).Count >= Calls, "every call is in the log", s_long);

            using var one = new TemporaryDirectory();
            await using var oneHook = await WebhookReceiver.StartAsync(secret, TimeProvider.System);
            await using var single = await DisturbedProductTests.CopyAsync(kafka, DisturbedProductTests.Write(one, rows, "{ partitions: 2 }", oneHook.Url, secret), AllInOne.Program.Modules, [Topics.InferenceEvents], token);
            await single.SettleAsync(token);
            var expected = await LogContent.FindingsAsync(single.Log, token);
            await single.StopAsync();
            Assert.True(expected.Count >= 4, $"only {expected.Count} findings: the test shows nothing");

            await Eventually.TrueAsync(async () => (await LogContent.FindingsAsync(kafka, token)).Count >= expected.Count, $"{expected.Count} findings", s_long);
            await NoLagAsync(port, token);
            Assert.Equal(expected, await LogContent.FindingsAsync(kafka, token));
            await Eventually.TrueAsync(() => hook.Deliveries.Count >= oneHook.Deliveries.Count, "as many messages arrive", s_long);
            Assert.Equal((0, 0), (hook.Rejected, hook.Duplicates));
        }
        finally
        {
            using var kill = Process.Start("kill", ["-TERM", launcher.Id.ToString(CultureInfo.InvariantCulture)]);
            await launcher.WaitForExitAsync(token);
        }

        Assert.Equal(130, launcher.ExitCode);
    }

    [Fact]
    public async Task A_service_that_cannot_start_ends_the_launcher_with_its_error()
    {
        var file = _folder.File("monitoring.yaml");
        await File.WriteAllTextAsync(file, "log: { kind: kafka }\nmodels: [{ name: a, monitors: [{ kind: nonsense }] }]\n", TestContext.Current.CancellationToken);
        using var launcher = Launch(file, FreePorts());
        var errors = launcher.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await launcher.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await launcher.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(1, launcher.ExitCode);
        Assert.Contains("inference ended:", await errors, StringComparison.Ordinal);
        Assert.Contains("log.kafka", await errors, StringComparison.Ordinal);
    }

    private static Process Launch(string file, int port)
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(root.FullName, "Monitoring.sln")))
        {
            root = root.Parent ?? throw new InvalidOperationException($"'{AppContext.BaseDirectory}' is in no checkout");
        }

        var start = new ProcessStartInfo("bash") { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        foreach (var argument in (string[])[Path.Combine(root.FullName, "infra", "launch.sh"), file, port.ToString(CultureInfo.InvariantCulture)])
        {
            start.ArgumentList.Add(argument);
        }

        // The build that the tests are of: bin/Release/net10.0 or bin/Debug/net10.0.
        start.Environment["MONITORING_BUILD"] = new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name;
        return Process.Start(start)!;
    }

    private static async Task ReadyAsync(Process launcher, CancellationToken token)
    {
        var line = await launcher.StandardOutput.ReadLineAsync(token).AsTask().WaitAsync(s_long, token);
        if (line != "ready")
        {
            Assert.Fail(await launcher.StandardError.ReadToEndAsync(token));
        }
    }

    /// <summary>Waits until every service that watches a model of the configuration says that it has read all of its partitions.</summary>
    private static async Task NoLagAsync(int port, CancellationToken token)
    {
        using var http = new HttpClient();
        // Drift, outlier, extraction, quality, by their place in the launcher's list.
        int[] watching = [1, 2, 4, 6];
        foreach (var service in watching)
        {
            var metrics = new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port + service}/metrics"));
            await Eventually.TrueAsync(
                async () =>
                {
                    var lags = Lag().Matches(await http.GetStringAsync(metrics, token));
                    return lags.Count == Partitions && lags.All(l => l.Groups[1].Value == "0");
                },
                $"the service at {metrics} has read every event",
                s_long);
        }
    }

    private static int FreePorts()
    {
        // Two runs beside each other begin at different ports.
        for (var port = 20_000 + (Environment.ProcessId % 10_000); ; port += Services)
        {
            var listeners = new List<TcpListener>();
            try
            {
                for (var service = 0; service < Services; service++)
                {
                    var listener = new TcpListener(IPAddress.Loopback, port + service);
                    listener.Start();
                    listeners.Add(listener);
                }

                return port;
            }
            catch (SocketException)
            {
                // The next ones.
            }
            finally
            {
                listeners.ForEach(l => l.Dispose());
            }
        }
    }

    [GeneratedRegex("""^monitoring_eventlog_lag_records\{[^}]*topic="inference\.events"[^}]*\} (\S+)""", RegexOptions.Multiline)]
    private static partial Regex Lag();
}
