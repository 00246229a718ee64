using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.EventLog;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;
using Monitoring.Replay.Evidence;
using Monitoring.Replay.Replaying;

namespace Monitoring.AllInOne.Demo;

/// <summary>One run of the demo.</summary>
/// <param name="modules">All modules.</param>
/// <param name="folder">Data folder.</param>
/// <param name="results">Where the explained digit and the evidence bundle are kept.</param>
/// <param name="seed">Seed.</param>
/// <param name="duration">How long clients call.</param>
/// <param name="callsPerSecond">Per model.</param>
internal sealed class DemoRun(IReadOnlyList<IServiceModule> modules, string folder, string results, int seed, TimeSpan duration, double callsPerSecond)
{
    private const int ClientsPerModel = 6;
    private static readonly TimeSpan s_tick = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan s_startLimit = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan s_settleLimit = TimeSpan.FromMinutes(2);

    /// <summary>On a machine that is busy otherwise the attacker, who waits for each answer, gets this much longer.</summary>
    private static readonly TimeSpan s_attackLimit = TimeSpan.FromMinutes(1);
    private readonly TimeProvider _time = TimeProvider.System;
    private TimeSpan _changedAfter;
    private TimeSpan _nextView;

    public async Task<int> RunAsync(bool exit, string? json, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(folder);
        Directory.CreateDirectory(results);
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
        using var attack = new DemoAttack(server, assets, clients, _time, seed);
        var changedAt = await TrafficAsync(clients, attack, assets, app.Services, receiver, cancellationToken).ConfigureAwait(false);
        var report = await SettleAsync(server, clients, attack, assets, app.Services, receiver, changedAt, cancellationToken).ConfigureAwait(false);
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

    /// <summary>
    /// Clients call; at a moment drawn from the seed, between 40 and 60 % of the time, what they send changes; half-way from there to the end another client
    /// attacks. Returns the moment of the change.
    /// </summary>
    private async Task<DateTimeOffset> TrafficAsync(DemoClients clients, DemoAttack attack, DemoAssets assets, IServiceProvider services, WebhookReceiver receiver, CancellationToken cancellationToken)
    {
        var changeAfter = duration * (0.4 + (0.2 * new Random(seed ^ 0x5EED).NextDouble()));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var start = _time.GetTimestamp();
        var calling = Task.WhenAll(assets.Streams.Select(s => clients.RunAsync(s, ClientsPerModel, callsPerSecond, stop.Token)));
        var attacking = Task.CompletedTask;
        var attacks = false;
        var changedAt = default(DateTimeOffset);
        while (_time.GetElapsedTime(start) is var elapsed && (elapsed < duration || (!attacking.IsCompleted && attack.Queries < DemoAttack.Enough && elapsed < duration + s_attackLimit)))
        {
            if (changedAt == default && elapsed >= changeAfter)
            {
                clients.ApplyChange();
                changedAt = _time.GetUtcNow();
                _changedAfter = elapsed;
            }

            if (!attacks && elapsed >= changeAfter + ((duration - changeAfter) / 2))
            {
                attacks = true;
                attacking = attack.RunAsync(stop.Token);
            }

            View(elapsed, clients, services, receiver);
            await Task.Delay(s_tick, _time, cancellationToken).ConfigureAwait(false);
        }

        await stop.CancelAsync().ConfigureAwait(false);
        await calling.ConfigureAwait(false);
        await attacking.ConfigureAwait(false);
        return changedAt;
    }

    /// <summary>Waits until every call is an event, every group has read it, and every message has arrived; then adds up.</summary>
    private async Task<DemoReport> SettleAsync(Uri server, DemoClients clients, DemoAttack attack, DemoAssets assets, IServiceProvider services, WebhookReceiver receiver, DateTimeOffset changedAt, CancellationToken cancellationToken)
    {
        var log = services.GetRequiredService<IEventLog>();
        var groups = services.GetServices<MonitorGroupService>().Where(g => g.WatchesModels).ToList();
        using var http = new HttpClient { BaseAddress = server, Timeout = TimeSpan.FromSeconds(30) };
        JsonElement? incident = null;
        var start = _time.GetTimestamp();
        while (_time.GetElapsedTime(start) < s_settleLimit)
        {
            var captured = await DemoAccounting.CountAsync(log, Topics.InferenceEvents, cancellationToken).ConfigureAwait(false);
            var found = await DemoAccounting.CountAsync(log, Topics.Findings, cancellationToken).ConfigureAwait(false);
            var told = await DemoAccounting.CountAsync(log, Topics.Notifications, cancellationToken).ConfigureAwait(false);
            var explained = await DemoAccounting.CountAsync(log, Topics.Explanations, cancellationToken).ConfigureAwait(false);
            incident = await IncidentAsync(http, cancellationToken).ConfigureAwait(false);
            if (captured >= clients.Served
                && groups.All(g => g.EventsConsumed >= captured)
                && (found == 0 || (receiver.Deliveries.Count > 0 && told >= receiver.Deliveries.Count && explained > 0))
                && incident is { } opened && receiver.Deliveries.Any(d => d.Body.GetProperty("data").GetProperty("incident").GetString() == opened.GetProperty("id").GetString()))
            {
                break;
            }

            await Task.Delay(s_tick, _time, cancellationToken).ConfigureAwait(false);
        }

        var accounting = await DemoAccounting.ReadAsync(log, cancellationToken).ConfigureAwait(false);
        var consumed = groups.Min(g => g.EventsConsumed);
        var replay = await ReplayCheck.RunAsync(services, cancellationToken).ConfigureAwait(false);
        var explanation = Explain(accounting, services.GetRequiredService<LoadedConfiguration>());
        var evidence = incident is null ? null : await EvidenceCheck.RunAsync(services, incident.Value.GetProperty("id").GetString()!, Path.Combine(results, "demo-evidence.zip"), PrintedRoots(receiver, incident.Value), seed, cancellationToken).ConfigureAwait(false);
        return Report(clients, attack, assets, groups, receiver, changedAt, accounting, consumed, replay, explanation, incident, evidence);
    }

    /// <summary>The incident of the attack, as the API tells it; null while there is none.</summary>
    private static async Task<JsonElement?> IncidentAsync(HttpClient http, CancellationToken cancellationToken)
    {
        var page = await http.GetFromJsonAsync<JsonElement>($"/api/incidents?model={DemoAttack.Model}&family=adversarial", cancellationToken).ConfigureAwait(false);
        var items = page.GetProperty("incidents");
        return items.GetArrayLength() > 0 ? items[items.GetArrayLength() - 1].Clone() : null;
    }

    /// <summary>Merkle roots that the messages about an incident have carried out of the house.</summary>
    private static string[] PrintedRoots(WebhookReceiver receiver, JsonElement incident) =>
    [
        .. receiver.Deliveries.Select(d => d.Body.GetProperty("data"))
            .Where(d => d.GetProperty("incident").GetString() == incident.GetProperty("id").GetString() && d.GetProperty("sealedRoot").ValueKind == JsonValueKind.Object)
            .Select(d => d.GetProperty("sealedRoot").GetProperty("root").GetString()!)
            .Distinct(StringComparer.Ordinal),
    ];

    /// <summary>Keeps the picture of an explained digit, of the attack's finding where there is one.</summary>
    private ExplanationResult Explain(DemoAccounting accounting, LoadedConfiguration configuration)
    {
        var attacks = accounting.Findings.Where(f => accounting.IsAttack(f.Finding)).Select(f => f.Finding.Id).ToHashSet(StringComparer.Ordinal);
        foreach (var explanation in accounting.Explanations.Where(e => e.Model == DemoAttack.Model).OrderByDescending(e => attacks.Contains(e.FindingId)))
        {
            var drawing = Path.Combine(configuration.DataDirectory, "explanations", explanation.Id + ".png");
            if (File.Exists(drawing))
            {
                var kept = Path.Combine(results, "demo-explanation.png");
                File.Copy(drawing, kept, overwrite: true);
                return new ExplanationResult(kept, explanation.Model, explanation.Method, explanation.FindingId, explanation.EventId, explanation.Output, explanation.Value, accounting.Explanations.Count);
            }
        }

        return new ExplanationResult(null, null, null, null, null, null, null, accounting.Explanations.Count);
    }

    private DemoReport Report(DemoClients clients, DemoAttack attack, DemoAssets assets, IReadOnlyList<MonitorGroupService> groups, WebhookReceiver receiver, DateTimeOffset changedAt, DemoAccounting accounting, long consumed, ReplayCheckResult replay, ExplanationResult explanation, JsonElement? incident, EvidenceCheckResult? evidence)
    {
        var change = (changedAt.UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks) * 100;
        var monitors = groups.SelectMany(g => g.Status())
            .GroupBy(s => (s.Model, s.Monitor, s.Kind))
            .OrderBy(g => g.Key.Model, StringComparer.Ordinal).ThenBy(g => g.Key.Monitor, StringComparer.Ordinal)
            .Select(g =>
            {
                var findings = accounting.Findings.Where(f => f.Finding.Model == g.Key.Model && f.Finding.Monitor == g.Key.Monitor).Select(f => f.Finding).ToList();
                var calls = findings.Select(f => accounting.CallTime(f)).ToList();
                var attacks = findings.Count(accounting.IsAttack);
                var watchesAttackers = g.Key.Kind == DemoAttack.Monitor;
                var first = calls.Where((t, i) => t > change && (!watchesAttackers || accounting.IsAttack(findings[i]))).Min();
                var evidence = findings.Count > 0 ? findings[0].LogEvidence : g.Max(s => s.LogEvidence);
                return new MonitorResult(
                    g.Key.Model,
                    g.Key.Kind,
                    double.IsFinite(evidence) ? evidence : null,
                    findings.Count,
                    watchesAttackers ? findings.Count - attacks : calls.Count(t => t <= change),
                    first is not { } at ? null : watchesAttackers ? accounting.AttackTimes.Count(t => t <= at) : accounting.CallsBetween(g.Key.Model, change, at));
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
        var changes = assets.Streams.Select(s => new ChangeResult(s.Model, s.Change, _changedAfter.TotalSeconds, monitors.Any(m => m.Model == s.Model && m.Kind != DemoAttack.Monitor && m.DetectionDelayEvents is not null))).ToList();
        var detected = monitors.FirstOrDefault(m => m.Kind == DemoAttack.Monitor)?.DetectionDelayEvents;
        var attackResult = new AttackResult(attack.Name, DemoAttack.Model, DemoAttack.Client, attack.Queries, attack.FirstSuccess, detected is not null, detected, incident?.GetProperty("id").GetString(), incident?.GetProperty("sentence").GetString());
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
        Check(attackResult.Found, $"the attack was not found in {attack.Queries} queries");
        Check(attackResult.Incident is not null, "the attack opened no incident");
        Check(explanation.Png is not null, "no digit was explained");
        Check(evidence is { Verified: true }, evidence is null ? "no evidence bundle" : $"the evidence bundle does not verify: {string.Join("; ", evidence.Failures)}");
        Check(evidence is null or { Tamper.Detected: true }, $"a flipped bit in byte {evidence?.Tamper.At} of the bundle was not found");
        return new DemoReport
        {
            Seed = seed,
            Events = new EventCounts(clients.Served, accounting.CapturedEvents, consumed, lost),
            Monitors = monitors,
            Notifications = new NotificationCounts(created, receiver.Deliveries.Count, failed, receiver.Duplicates),
            Latency = new LatencyResult(Percentile99(toFinding), Percentile99(toWebhook)),
            Changes = changes,
            Attack = attackResult,
            Explanation = explanation,
            Evidence = evidence,
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
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  attack {report.Attack.Name} by {report.Attack.Client}, {report.Attack.Queries} queries: {(report.Attack.Found ? $"found after {report.Attack.QueriesToDetect}" : "NOT FOUND")}{(report.Attack.FirstSuccess is { } won ? $", deceived the model after {won}" : "")}"));
        if (report.Attack.Sentence is { } sentence)
        {
            Console.WriteLine($"    incident {report.Attack.Incident}: {sentence}");
        }

        if (report.Explanation.Png is { } png)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  why the model says {report.Explanation.Output} ({report.Explanation.Value:0.###}): {png}"));
        }

        if (report.Evidence is { } evidence)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  evidence: {evidence.Bundle}, {evidence.SealedRecords} sealed records, {(evidence.Verified ? "verified" : "DOES NOT VERIFY")}; one flipped bit: {(evidence.Tamper.Detected ? evidence.Tamper.What : "NOT FOUND")}"));
        }

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
