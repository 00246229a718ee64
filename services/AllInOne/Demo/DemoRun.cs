using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.EventLog;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;
using Monitoring.Replay.Replaying;

namespace Monitoring.AllInOne.Demo;

/// <summary>One run of the demo.</summary>
internal sealed class DemoRun(IReadOnlyList<IServiceModule> modules, string folder, int seed, TimeSpan duration, double callsPerSecond)
{
    private const int ClientsPerModel = 6;
    private static readonly TimeSpan s_tick = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan s_startLimit = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan s_settleLimit = TimeSpan.FromMinutes(2);
    private readonly TimeProvider _time = TimeProvider.System;
    private TimeSpan _changedAfter;
    private TimeSpan _nextView;

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
        await ReadyAsync(server, _time, cancellationToken).ConfigureAwait(false);
        Console.WriteLine($"serving at {server}; metrics at {new Uri(server, "/metrics")}; {ClientsPerModel} clients a model, {callsPerSecond} calls/s a model, for {Duration.Format(duration)}");

        using var clients = new DemoClients(server, _time, seed);
        var changedAt = await TrafficAsync(clients, assets, app.Services, receiver, cancellationToken).ConfigureAwait(false);
        var report = await SettleAsync(clients, assets, app.Services, receiver, changedAt, cancellationToken).ConfigureAwait(false);
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
                _changedAfter = elapsed;
            }

            View(elapsed, clients, services, receiver);
            await Task.Delay(s_tick, _time, cancellationToken).ConfigureAwait(false);
        }

        await stop.CancelAsync().ConfigureAwait(false);
        await calling.ConfigureAwait(false);
        return changedAt;
    }

    /// <summary>Waits until every call is an event, every group has read it, and every message has arrived; then adds up.</summary>
    private async Task<DemoReport> SettleAsync(DemoClients clients, DemoAssets assets, IServiceProvider services, WebhookReceiver receiver, DateTimeOffset changedAt, CancellationToken cancellationToken)
    {
        var log = services.GetRequiredService<IEventLog>();
        var groups = services.GetServices<MonitorGroupService>().Where(g => g.WatchesModels).ToList();
        var start = _time.GetTimestamp();
        while (_time.GetElapsedTime(start) < s_settleLimit)
        {
            var captured = await DemoAccounting.CountAsync(log, Topics.InferenceEvents, cancellationToken).ConfigureAwait(false);
            var found = await DemoAccounting.CountAsync(log, Topics.Findings, cancellationToken).ConfigureAwait(false);
            var told = await DemoAccounting.CountAsync(log, Topics.Notifications, cancellationToken).ConfigureAwait(false);
            if (captured >= clients.Served && groups.All(g => g.EventsConsumed >= captured) && (found == 0 || (receiver.Deliveries.Count > 0 && told >= receiver.Deliveries.Count)))
            {
                break;
            }

            await Task.Delay(s_tick, _time, cancellationToken).ConfigureAwait(false);
        }

        var accounting = await DemoAccounting.ReadAsync(log, cancellationToken).ConfigureAwait(false);
        var consumed = groups.Min(g => g.EventsConsumed);
        var replay = await ReplayCheck.RunAsync(services, cancellationToken).ConfigureAwait(false);
        return Report(clients, assets, groups, receiver, changedAt, accounting, consumed, replay);
    }

    private DemoReport Report(DemoClients clients, DemoAssets assets, IReadOnlyList<MonitorGroupService> groups, WebhookReceiver receiver, DateTimeOffset changedAt, DemoAccounting accounting, long consumed, ReplayCheckResult replay)
    {
        var change = (changedAt.UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks) * 100;
        var monitors = groups.SelectMany(g => g.Status())
            .GroupBy(s => (s.Model, s.Monitor, s.Kind))
            .OrderBy(g => g.Key.Model, StringComparer.Ordinal).ThenBy(g => g.Key.Monitor, StringComparer.Ordinal)
            .Select(g =>
            {
                var findings = accounting.Findings.Where(f => f.Finding.Model == g.Key.Model && f.Finding.Monitor == g.Key.Monitor).Select(f => f.Finding).ToList();
                var calls = findings.Select(f => accounting.CallTime(f)).ToList();
                var first = calls.Where(t => t > change).Min();
                var evidence = findings.Count > 0 ? findings[0].LogEvidence : g.Max(s => s.LogEvidence);
                return new MonitorResult(
                    g.Key.Model,
                    g.Key.Kind,
                    double.IsFinite(evidence) ? evidence : null,
                    findings.Count,
                    calls.Count(t => t <= change),
                    first is { } at ? accounting.CallsBetween(g.Key.Model, change, at) : null);
            })
            .ToList();
        var toFinding = accounting.Findings.Select(f => accounting.CallTime(f.Finding) is { } call ? (f.AppendedUnixNano - call) / 1e6 : (double?)null).OfType<double>().ToList();
        var arrived = receiver.Deliveries.ToDictionary(d => d.Id, d => d.ReceivedUnixNano, StringComparer.Ordinal);
        var callOf = accounting.Findings.ToDictionary(f => f.Finding.Id, f => accounting.CallTime(f.Finding), StringComparer.Ordinal);
        var toWebhook = accounting.Notifications
            .Where(n => n.Outcome == "delivered" && n.Transition == "opened" && arrived.ContainsKey(n.Id) && callOf.GetValueOrDefault(n.FindingId) is not null)
            .Select(n => (arrived[n.Id] - callOf[n.FindingId]!.Value) / 1e6)
            .ToList();
        var lost = Math.Max(0, clients.Served - Math.Min(accounting.CapturedEvents, consumed));
        var changes = assets.Streams.Select(s => new ChangeResult(s.Model, s.Change, _changedAfter.TotalSeconds, monitors.Any(m => m.Model == s.Model && m.DetectionDelayEvents is not null))).ToList();
        var created = accounting.Notifications.Select(n => n.Id).Distinct(StringComparer.Ordinal).Count();
        var failed = accounting.Notifications.Where(n => n.Outcome == "failed").Select(n => n.Id).Distinct(StringComparer.Ordinal).Count();
        var failures = new List<string>();
        Check(clients.Failed == 0, $"{clients.Failed} calls failed");
        Check(clients.Served > 0, "no call was served");
        Check(lost == 0, $"{lost} events lost");
        Check(receiver.Duplicates == 0, $"{receiver.Duplicates} messages came twice");
        Check(receiver.Rejected == 0, $"{receiver.Rejected} messages had a wrong signature");
        Check(monitors.Sum(m => m.FalseAlarms) == 0, $"{monitors.Sum(m => m.FalseAlarms)} alarms on clean traffic");
        foreach (var missed in changes.Where(c => !c.Found))
        {
            Check(false, $"the change of {missed.Model} was not found");
        }

        Check(receiver.Deliveries.Count > 0, "no message arrived");
        Check(replay.Identical, $"the replay differs: {string.Join("; ", replay.Lines)}");
        return new DemoReport
        {
            Seed = seed,
            Events = new EventCounts(clients.Served, accounting.CapturedEvents, consumed, lost),
            Monitors = monitors,
            Notifications = new NotificationCounts(created, receiver.Deliveries.Count, failed, receiver.Duplicates),
            Latency = new LatencyResult(Percentile99(toFinding), Percentile99(toWebhook)),
            Changes = changes,
            Replay = new ReplayOutcome(replay.Identical, replay.LiveFindings, replay.ReplayedFindings, replay.EventsPerSecond),
            Failures = failures,
        };

        void Check(bool holds, string failure)
        {
            if (!holds)
            {
                failures.Add(failure);
            }
        }
    }

    private static double? Percentile99(List<double> values)
    {
        if (values.Count == 0)
        {
            return null;
        }

        values.Sort();
        return values[(int)Math.Ceiling(0.99 * values.Count) - 1];
    }

    /// <summary>One line every two seconds: what an eye on the dashboard would see.</summary>
    private void View(TimeSpan elapsed, DemoClients clients, IServiceProvider services, WebhookReceiver receiver)
    {
        if (elapsed < _nextView)
        {
            return;
        }

        _nextView = elapsed + TimeSpan.FromSeconds(2);
        var status = services.GetServices<MonitorGroupService>().SelectMany(g => g.Status()).ToList();
        var strongest = status.Where(s => double.IsFinite(s.LogEvidence) && double.IsFinite(s.LogLevel) && s.LogLevel > 0)
            .GroupBy(s => s.Model)
            .OrderBy(g => g.Key, StringComparer.Ordinal)
            .Select(g => g.MaxBy(s => s.LogEvidence / s.LogLevel)!)
            .Select(s => string.Create(CultureInfo.InvariantCulture, $"{s.Model} {s.Monitor} {Bar(s.LogEvidence / s.LogLevel)} {s.LogEvidence:F1}/{s.LogLevel:F1} {s.State.ToString().ToLowerInvariant()}"));
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{elapsed.TotalSeconds,4:F0} s  {clients.Served,6} calls  {receiver.Deliveries.Count,2} messages  {string.Join("  ", strongest)}"));
    }

    private static string Bar(double share)
    {
        var filled = (int)Math.Clamp(Math.Round(share * 10), 0, 10);
        return new string('█', filled) + new string('░', 10 - filled);
    }

    private void Print(DemoReport report)
    {
        Console.WriteLine();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"seed {report.Seed}: {report.Events.Served} calls served, {report.Events.Captured} captured, {report.Events.Consumed} consumed by every group, {report.Events.Lost} lost"));
        foreach (var change in report.Changes)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  after {change.AtSeconds:F1} s {change.Change}: {(change.Found ? "found" : "NOT FOUND")}"));
        }

        foreach (var monitor in report.Monitors)
        {
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"  {monitor.Model,-8} {monitor.Kind,-18} log-evidence {monitor.LogEvidence,8:F1}  alarms {monitor.Alarms}  on clean traffic {monitor.FalseAlarms}  delay {(monitor.DetectionDelayEvents is { } d ? $"{d} calls" : "-")}"));
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  messages: {report.Notifications.Delivered} delivered, {report.Notifications.Failed} failed, {report.Notifications.Duplicates} twice; call to finding p99 {report.Latency.CallToFindingP99Ms:F0} ms, call to webhook p99 {report.Latency.CallToWebhookP99Ms:F0} ms"));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  replay of the whole run: {(report.Replay.Identical ? "the same findings, bit for bit" : "DIFFERENT findings")}, {report.Replay.EventsPerSecond:F0} events/s"));
        foreach (var failure in report.Failures)
        {
            Console.WriteLine($"  FAILED: {failure}");
        }
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
