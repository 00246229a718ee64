using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Google.Protobuf;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Monitoring.Alerting;
using Monitoring.Contracts;
using Monitoring.EventLog;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;
using Monitoring.TestKit;

namespace Monitoring.Benchmarks.Suites;

/// <summary>
/// <c>alerting [--rate N] [--seconds N] [--models N] [--burst N] [--failures P]</c>: findings at a steady rate (or in bursts of N), each new model opening an incident; time from just before the
/// append to the webhook's first arrival at a receiver in this process, which refuses a share P of the calls with 503; processor time and the largest managed heap beside it.
/// </summary>
internal static class AlertingSuite
{
    public static async Task<object> RunAsync(BenchmarkArguments arguments)
    {
        var rate = int.Parse(arguments["rate", "1000"], CultureInfo.InvariantCulture);
        var seconds = int.Parse(arguments["seconds", "20"], CultureInfo.InvariantCulture);
        var models = int.Parse(arguments["models", "2000"], CultureInfo.InvariantCulture);
        var burst = int.Parse(arguments["burst", "1"], CultureInfo.InvariantCulture);
        var failures = double.Parse(arguments["failures", "0"], CultureInfo.InvariantCulture);
        var calls = 0;
        var refused = 0;
        using var directory = new TemporaryDirectory();
        var appended = new ConcurrentDictionary<string, long>(StringComparer.Ordinal);
        var latencies = new ConcurrentQueue<double>();

        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        await using var receiver = builder.Build();
        receiver.MapPost("/hook", async (HttpContext context) =>
        {
            var arrived = Stopwatch.GetTimestamp();
            using var body = await JsonDocument.ParseAsync(context.Request.Body, cancellationToken: context.RequestAborted);

            // Evenly spread over the calls, whoever makes them.
            var call = Interlocked.Increment(ref calls);
            if (Math.Floor(call * failures) > Math.Floor((call - 1) * failures))
            {
                Interlocked.Increment(ref refused);
                context.Response.StatusCode = 503;
                return;
            }

            if (appended.TryGetValue(body.RootElement.GetProperty("data").GetProperty("model").GetString()!, out var start))
            {
                latencies.Enqueue(Stopwatch.GetElapsedTime(start, arrived).TotalMilliseconds);
            }

            context.Response.StatusCode = 204;
        });
        await receiver.StartAsync();

        var loaded = LoadedConfiguration.Parse(
            $$"""
            data: data
            api: { listen: [ "http://127.0.0.1:0" ] }
            alerting: { stormModels: 100000 }
            receivers:
              - name: hook
                allowPrivateAddresses: true
                webhook: { url: "{{receiver.Urls.First()}}/hook" }
            """,
            directory.File("monitoring.yaml"),
            []);
        await using var app = MonitoringHost.Build(loaded, [new AlertingModule()], s => s.AddLogging(l => l.SetMinimumLevel(LogLevel.Error)));
        await app.StartAsync();
        await app.Services.GetRequiredService<LogTopics>().Ready;
        var log = app.Services.GetRequiredService<IEventLog>();
        await SendAsync(0, 100, "warm-");

        var total = rate * seconds;
        var sent = 0;
        var heapBefore = GC.GetTotalMemory(forceFullCollection: true);
        var heapMost = heapBefore;
        using var self = Process.GetCurrentProcess();
        var processor = self.TotalProcessorTime;
        var clock = Stopwatch.StartNew();
        while (sent < total)
        {
            var due = Math.Min(total, (int)(clock.Elapsed.TotalSeconds * rate) / burst * burst);
            heapMost = Math.Max(heapMost, GC.GetTotalMemory(forceFullCollection: false));
            if (due > sent)
            {
                await SendAsync(sent, due - sent, "m");
                sent = due;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System);
        }

        var took = clock.Elapsed.TotalSeconds;
        var incidents = Math.Min(models, total);
        await Eventually.TrueAsync(() => latencies.Count >= incidents, "every incident told", TimeSpan.FromSeconds(60));
        self.Refresh();
        var spent = self.TotalProcessorTime - processor;
        var heapAfter = GC.GetTotalMemory(forceFullCollection: true);
        var sorted = latencies.Order().ToArray();
        var result = new
        {
            suite = "alerting",
            date = TimeProvider.System.GetUtcNow().ToString("u", CultureInfo.InvariantCulture),
            processors = Environment.ProcessorCount,
            runtime = RuntimeInformation.FrameworkDescription,
            findings = total,
            findingsPerSecond = total / took,
            incidents,
            burst,
            refused,
            processorSeconds = spent.TotalSeconds,
            processorMillisecondsPerFinding = spent.TotalMilliseconds / total,
            heapBeforeMiB = heapBefore / 1048576.0,
            heapMostMiB = heapMost / 1048576.0,
            heapAfterMiB = heapAfter / 1048576.0,
            findingToWebhookP50Ms = sorted[sorted.Length / 2],
            findingToWebhookP99Ms = sorted[(int)(sorted.Length * 0.99)],
            findingToWebhookMaxMs = sorted[^1],
        };
        await app.StopAsync();
        return result;

        async Task SendAsync(int first, int count, string prefix)
        {
            var now = (TimeProvider.System.GetUtcNow().UtcTicks - DateTimeOffset.UnixEpoch.Ticks) * 100;
            var records = new List<LogRecord>(count);
            var news = new List<string>();
            for (var i = first; i < first + count; i++)
            {
                // New models come evenly over the whole run, so that openings and repeats are mixed as in life.
                var model = prefix + ((long)i * models / (rate * seconds)).ToString(CultureInfo.InvariantCulture);
                if (!appended.ContainsKey(model))
                {
                    news.Add(model);
                }

                var finding = new Finding
                {
                    Id = prefix + i.ToString(CultureInfo.InvariantCulture),
                    Position = new Position { Group = "bench-" + prefix, InputTopic = Topics.InferenceEvents, InputOffset = i },
                    Monitor = "evidence",
                    Kind = "evidence",
                    Family = Family.Drift,
                    Severity = Severity.Harm,
                    Model = model,
                    ModelVersion = "1",
                    Events = i,
                    SinceUnixNano = now,
                    TimeUnixNano = now,
                    Coverage = 1,
                };
                records.Add(new LogRecord(Encoding.UTF8.GetBytes(model), finding.ToByteArray(), []));
            }

            var start = Stopwatch.GetTimestamp();
            if (prefix == "m")
            {
                // From before the append: what a monitor waits for is part of the way.
                news.ForEach(m => appended.TryAdd(m, start));
            }

            await log.AppendAsync(Topics.Findings, records);
        }
    }
}
