using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Monitoring.AllInOne.Demo;
using Monitoring.Contracts;
using Monitoring.EventLog;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;
using Monitoring.Hosting.Tables;
using Monitoring.TestKit;

namespace Monitoring.Benchmarks.Suites;

/// <summary>
/// <c>endtoend [--rate N] [--models N] [--clean S] [--changed S]</c>: the whole product on the embedded log, models called over HTTP at a steady rate (open loop). One model
/// after another begins to get other traffic. Time from the call whose event crosses the level until its finding is acknowledged by the log, and until the webhook has arrived. The
/// baseline of the same run: the same events read by a group that does nothing, and posted by a bare client, so what is above it is the monitors and the incidents.
/// </summary>
internal static class EndToEndSuite
{
    private const int ReferenceRows = 2000;
    private const int Clients = 200;
    private const int FloorPostEvery = 50;
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(3);

    public static async Task<object> RunAsync(BenchmarkArguments arguments)
    {
        var rate = double.Parse(arguments["rate", "1000"], CultureInfo.InvariantCulture);
        var models = int.Parse(arguments["models", "40"], CultureInfo.InvariantCulture);
        var clean = TimeSpan.FromSeconds(double.Parse(arguments["clean", "10"], CultureInfo.InvariantCulture));
        var changed = TimeSpan.FromSeconds(double.Parse(arguments["changed", "40"], CultureInfo.InvariantCulture));
        using var directory = new TemporaryDirectory();
        var secret = "whsec_" + Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));
        await using var receiver = await WebhookReceiver.StartAsync(secret, TimeProvider.System);
        await using var bare = await WebhookReceiver.StartAsync(secret, TimeProvider.System);
        var assets = new DemoAssets();
        var flights = assets.Streams.Single(s => s.Model == "flights");
        var modules = AllInOne.Program.Modules;
        var loaded = CheckVerb.Load(Write(directory, assets.Folder, flights, models, receiver.Url, secret), modules);
        if (loaded.Errors.Count > 0)
        {
            throw new InvalidOperationException(string.Join("; ", loaded.Errors));
        }

        await using var app = MonitoringHost.Build(loaded, modules, s => s.AddLogging(l => l.SetMinimumLevel(LogLevel.Error)));
        await app.StartAsync();
        using var http = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 64 }) { BaseAddress = new Uri(app.Urls.First()), Timeout = TimeSpan.FromMinutes(1) };
        await Eventually.TrueAsync(async () => (await http.GetAsync("/health/ready")).IsSuccessStatusCode, "the product is ready", s_limit);

        var log = app.Services.GetRequiredService<IEventLog>();
        var floor = new Floor(bare.Url, secret);
        await using var reading = await log.SubscribeAsync(new GroupSubscription("bench-floor", Topics.InferenceEvents, _ => floor));
        var started = TimeProvider.System.GetTimestamp();
        var (served, failed) = await CallAsync(http, flights, models, rate, clean, changed);
        var took = TimeProvider.System.GetElapsedTime(started);

        var groups = app.Services.GetServices<MonitorGroupService>().Where(g => g.WatchesModels).ToList();
        await Eventually.TrueAsync(
            async () => await DemoAccounting.CountAsync(log, Topics.InferenceEvents, default) is var events && events >= served && groups.All(g => g.EventsConsumed >= events),
            "every group has read every event",
            s_limit);
        var last = -1L;
        await Eventually.TrueAsync(
            async () =>
            {
                var told = await DemoAccounting.CountAsync(log, Topics.Notifications, default);
                var quiet = told == last && told >= receiver.Deliveries.Count;
                last = told;
                await Task.Delay(TimeSpan.FromSeconds(1), TimeProvider.System);
                return quiet;
            },
            "every message is out",
            s_limit);

        var accounting = await DemoAccounting.ReadAsync(log, default);
        var toFinding = accounting.Findings.Select(f => (f.AppendedUnixNano - accounting.CallTime(f.Finding)) / 1e6).OfType<double>().ToList();
        var calls = accounting.Findings.ToDictionary(f => f.Finding.Id, f => accounting.CallTime(f.Finding), StringComparer.Ordinal);
        var arrived = receiver.Deliveries.ToDictionary(d => d.Id, d => d.ReceivedUnixNano, StringComparer.Ordinal);
        var toWebhook = accounting.Notifications
            .Where(n => n.Transition == "opened" && arrived.ContainsKey(n.Id) && calls.GetValueOrDefault(n.FindingId) is not null)
            .Select(n => (arrived[n.Id] - calls[n.FindingId]!.Value) / 1e6)
            .ToList();
        var posted = bare.Deliveries.Where(d => floor.Posted.ContainsKey(d.Id)).Select(d => (d.ReceivedUnixNano - floor.Posted[d.Id]) / 1e6).ToList();
        await app.StopAsync();
        return new
        {
            suite = "endtoend",
            rateAsked = rate,
            rateServed = served / took.TotalSeconds,
            served,
            failed,
            events = accounting.CapturedEvents,
            findings = accounting.Findings.Count,
            messages = toWebhook.Count,
            duplicates = receiver.Duplicates,
            callToFindingMs = Spread(toFinding),
            callToWebhookMs = Spread(toWebhook),
            baseline = new { callToBareReaderMs = Spread([.. floor.Seen]), callToBarePostMs = Spread(posted) },
            goals = new { callToFindingP99Ms = 250, callToWebhookP99Ms = 1000 },
        };
    }

    /// <summary>Calls at a steady rate, whatever the answers take: the n-th is due at n ÷ rate.</summary>
    private static async Task<(long Served, long Failed)> CallAsync(HttpClient http, DemoStream stream, int models, double rate, TimeSpan clean, TimeSpan changed)
    {
        var (served, failed) = (0L, 0L);
        var random = new Random(1);
        var total = (int)((clean + changed).TotalSeconds * rate);
        var pending = new ConcurrentDictionary<int, Task>();
        var start = TimeProvider.System.GetTimestamp();
        for (var call = 0; call < total; call++)
        {
            var wait = TimeSpan.FromSeconds(call / rate) - TimeProvider.System.GetElapsedTime(start);
            if (wait > TimeSpan.FromMilliseconds(1))
            {
                await Task.Delay(wait, TimeProvider.System);
            }

            // Model m changes after clean + m/models of the first three quarters of the rest: alarms come one by one.
            var model = call % models;
            var from = clean + (0.75 * changed * ((double)model / models));
            var row = stream.Clean(random);
            if (TimeSpan.FromSeconds(call / rate) >= from)
            {
                // Later in the day and twice as far: a change that every model's monitors find within a few dozen calls.
                row[0] = Math.Min(23.9f, row[0] + 6);
                row[2] = (row[2] * 2) + 300;
            }

            var client = random.Next(Clients);
            var number = call;
            pending[number] = Task.Run(async () =>
            {
                var ok = await SendAsync(http, $"m{model}", client, row);
                _ = ok ? Interlocked.Increment(ref served) : Interlocked.Increment(ref failed);
                pending.TryRemove(number, out _);
            });
        }

        await Task.WhenAll(pending.Values);
        return (served, failed);
    }

    private static async Task<bool> SendAsync(HttpClient http, string model, int client, float[] row)
    {
        var header = Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $$$"""{"inputs":[{"name":"features","datatype":"FP32","shape":[1,{{{row.Length}}}],"parameters":{"binary_data_size":{{{row.Length * 4}}}}}]}"""));
        using var request = new HttpRequestMessage(HttpMethod.Post, $"/v2/models/{model}/infer") { Content = new ByteArrayContent([.. header, .. MemoryMarshal.AsBytes(row.AsSpan())]) };
        request.Headers.Add("X-Client", string.Create(CultureInfo.InvariantCulture, $"client-{client}"));
        request.Headers.Add("Inference-Header-Content-Length", header.Length.ToString(CultureInfo.InvariantCulture));
        try
        {
            using var response = await http.SendAsync(request);
            return response.StatusCode == HttpStatusCode.OK;
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
        {
            return false;
        }
    }

    private static string Write(TemporaryDirectory directory, string demo, DemoStream flights, int models, Uri hook, string secret)
    {
        var random = new Random(1);
        NpyFile.Write(directory.File("reference.npy"), [ReferenceRows, 5], [.. Enumerable.Range(0, ReferenceRows).SelectMany(_ => flights.Clean(random))]);
        File.WriteAllText(directory.File("secret"), secret);
        var text = new StringBuilder();
        text.AppendLine("data: data");
        text.AppendLine("api: { listen: ['http://127.0.0.1:0'] }");
        text.AppendLine("alerting: { stormModels: 100000 }");
        text.AppendLine("receivers:");
        text.AppendLine(CultureInfo.InvariantCulture, $"  - {{ name: hook, severity: record, allowPrivateAddresses: true, webhook: {{ url: '{hook}', secret: 'file:{directory.File("secret")}' }} }}");
        text.AppendLine("models:");
        for (var model = 0; model < models; model++)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"  - {{ name: m{model}, onnx: {{ path: '{demo}/flights.onnx' }}, schema: '{demo}/flights.schema.json', reference: reference.npy, client: ['header:X-Client'], trustedProxies: [127.0.0.1] }}");
        }

        File.WriteAllText(directory.File("monitoring.yaml"), text.ToString());
        return directory.File("monitoring.yaml");
    }

    private static object Spread(List<double> values)
    {
        values.Sort();
        double? At(double share) => values.Count == 0 ? null : values[(int)Math.Ceiling(share * values.Count) - 1];
        return new { count = values.Count, p50 = At(0.5), p99 = At(0.99), max = At(1) };
    }

    /// <summary>A group that notes when events reach it, and posts one of fifty.</summary>
    private sealed class Floor(Uri hook, string secret) : IPartitionProcessor
    {
        private readonly HttpClient _http = new();
        private readonly byte[] _key = Convert.FromBase64String(secret["whsec_".Length..]);
        private long _count;

        public ConcurrentQueue<double> Seen { get; } = new();

        /// <summary>Call times by message id.</summary>
        public ConcurrentDictionary<string, long> Posted { get; } = new(StringComparer.Ordinal);

        public ValueTask<long?> StartAsync(CancellationToken cancellationToken) => ValueTask.FromResult<long?>(null);

        public ValueTask ProcessAsync(IReadOnlyList<LogEntry> batch, CancellationToken cancellationToken)
        {
            var now = (TimeProvider.System.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks * 100;
            foreach (var entry in batch)
            {
                var inference = InferenceEvent.Parser.ParseFrom(entry.Value!.Value.Span);
                Seen.Enqueue((now - inference.TimeUnixNano) / 1e6);
                if (Interlocked.Increment(ref _count) % FloorPostEvery == 0)
                {
                    Posted[inference.Id] = inference.TimeUnixNano;
                    _ = PostAsync(inference.Id);
                }
            }

            return ValueTask.CompletedTask;
        }

        public ValueTask StopAsync(bool lost, CancellationToken cancellationToken) => ValueTask.CompletedTask;

        private async Task PostAsync(string id)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, hook) { Content = new StringContent("{}") };
            request.Headers.Add("webhook-id", id);
            request.Headers.Add("webhook-timestamp", "0");
            request.Headers.Add("webhook-signature", "v1," + Convert.ToBase64String(HMACSHA256.HashData(_key, Encoding.UTF8.GetBytes($"{id}.0.{{}}"))));
            using var response = await _http.SendAsync(request);
        }
    }
}
