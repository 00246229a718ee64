using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Monitoring.Detection;
using Monitoring.EventLog;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;

namespace Monitoring.AllInOne.Demo;

/// <summary>One run of the demo.</summary>
internal sealed class DemoRun(IReadOnlyList<IServiceModule> modules, string folder, int seed, TimeSpan duration, double callsPerSecond)
{
    private const int ClientsPerModel = 6;
    private static readonly TimeSpan s_settle = TimeSpan.FromSeconds(60);
    private readonly TimeProvider _time = TimeProvider.System;

    public async Task<int> RunAsync(bool exit, string? json, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(folder);
        var assets = new DemoAssets();
        var secret = "whsec_" + Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));
        var secretFile = Path.Combine(folder, "webhook.secret");
        await File.WriteAllTextAsync(secretFile, secret, cancellationToken).ConfigureAwait(false);
        await using var receiver = await WebhookReceiver.StartAsync(secret, _time).ConfigureAwait(false);
        var file = assets.Write(folder, seed, FreePort(), receiver.Url, secretFile);
        var configuration = CheckVerb.Load(file, modules);
        if (configuration.Errors.Count > 0)
        {
            throw new InvalidOperationException($"the demo's own configuration is wrong: {string.Join("; ", configuration.Errors)}");
        }

        await using var app = MonitoringHost.Build(configuration, modules);
        Console.WriteLine($"two models, their profiles fitted from {file} …");
        await app.StartAsync(cancellationToken).ConfigureAwait(false);
        var server = new Uri(app.Urls.First());
        await ReadyAsync(server, cancellationToken).ConfigureAwait(false);
        Console.WriteLine($"serving at {server}; metrics at {new Uri(server, "/metrics")}; {ClientsPerModel} clients a model, {callsPerSecond} calls/s a model, for {Duration.Format(duration)}");

        var changedAt = await TrafficAsync(app, assets, server, receiver, cancellationToken).ConfigureAwait(false);
        var report = await SettleAsync(app, assets, receiver, changedAt, cancellationToken).ConfigureAwait(false);
        Print(report);
        await VerbOptions.WriteJsonAsync(json, report, cancellationToken).ConfigureAwait(false);
        if (!exit)
        {
            Console.WriteLine();
            Console.WriteLine($"Still serving at {server}; Ctrl+C ends it. Your own model takes a file of three lines:");
            Console.WriteLine();
            Console.WriteLine("  models:");
            Console.WriteLine("    - name: mymodel");
            Console.WriteLine("      onnx: { path: model.onnx }");
            Console.WriteLine();
            Console.WriteLine("and: dotnet run --project services/AllInOne -c Release -- run --config monitoring.yaml");
            await app.WaitForShutdownAsync(cancellationToken).ConfigureAwait(false);
        }

        return report.Failures.Count == 0 ? ExitCode.Success : ExitCode.Failure;
    }

    /// <summary>Clients call; at a moment drawn from the seed, between 40 and 60 % of the time, what they send changes. Returns that moment.</summary>
    private async Task<DateTimeOffset> TrafficAsync(DemoClients clients, DemoAssets assets, IServiceProvider services, WebhookReceiver receiver, CancellationToken cancellationToken)
    {
        var changeAfter = duration * (0.4 + (0.2 * new Random(seed ^ 0x5EED).NextDouble()));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var start = _time.GetTimestamp();
        var calling = Task.WhenAll(assets.Streams.Select(s => clients.RunAsync(s, ClientsPerModel, callsPerSecond, stop.Token)));
        var changedAt = default(DateTimeOffset);
        while (_time.GetElapsedTime(start) is var elapsed && elapsed < duration)
        {
            if (changedAt == default && elapsed >= changeAfter)
            {
                clients.ApplyChange();
                changedAt = _time.GetUtcNow();
            }

            View(elapsed, clients, services, receiver);
            await Task.Delay(s_tick, _time, cancellationToken).ConfigureAwait(false);
        }

        await stop.CancelAsync().ConfigureAwait(false);
        await calling.ConfigureAwait(false);
        return changedAt;
    }

    private static async Task ReadyAsync(Uri server, TimeProvider time, CancellationToken cancellationToken)
    {
        using var http = new HttpClient { BaseAddress = server, Timeout = TimeSpan.FromSeconds(10) };
        var start = time.GetTimestamp();
        while (true)
        {
            using var response = await http.GetAsync("/health/ready", cancellationToken).ConfigureAwait(false);
            if (response.IsSuccessStatusCode)
            {
                return;
            }

            if (time.GetElapsedTime(start) > s_startLimit)
            {
                throw new TimeoutException($"not ready after {s_startLimit.TotalSeconds:F0} s: {await response.Content.ReadAsStringAsync(cancellationToken).ConfigureAwait(false)}");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(200), time, cancellationToken).ConfigureAwait(false);
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
