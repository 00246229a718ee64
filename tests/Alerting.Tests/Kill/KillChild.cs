using System.Globalization;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Monitoring.Contracts;
using Monitoring.EventLog;
using Monitoring.Hosting;
using Monitoring.Storage;
using Monitoring.TestKit;

namespace Monitoring.Alerting.Tests.Kill;

/// <summary>
/// The process that kill tests kill: the whole service on an embedded log and SQLite, and a monitor that appends findings one by
/// one and, as monitors do after a kill, appends its last ones again.
/// </summary>
internal static class KillChild
{
    public const string Switch = "--kill-child";
    private const int Repeats = 3;

    /// <param name="args">Folder, webhook address, number of findings, time of the first in nanoseconds.</param>
    public static async Task<int> RunAsync(string[] args)
    {
        var (folder, url, total, start) = (args[0], args[1], int.Parse(args[2], CultureInfo.InvariantCulture), long.Parse(args[3], CultureInfo.InvariantCulture));
        var loaded = Monitoring.Hosting.Configuration.LoadedConfiguration.Parse(
            $$"""
            data: data
            api: { listen: [ "http://127.0.0.1:0" ] }
            log: { partitions: 2 }
            alerting: { stormModels: 1000, resolveAfter: 10d, staleAfter: 10d }
            receivers:
              - name: hook
                allowPrivateAddresses: true
                webhook: { url: "{{url}}", secret: "env:MONITORING_TEST_WEBHOOK_SECRET" }
            """,
            Path.Combine(folder, "monitoring.yaml"),
            []);
        await using var app = MonitoringHost.Build(loaded, [new AlertingModule()], s => s.AddLogging(l => l.SetMinimumLevel(LogLevel.Error)));
        await app.StartAsync();
        await app.Services.GetRequiredService<LogTopics>().Ready;
        var log = app.Services.GetRequiredService<IEventLog>();
        var database = app.Services.GetRequiredService<MonitoringDatabase>();
        await Console.Out.WriteLineAsync("started");
        await Console.Out.FlushAsync();

        for (var i = Math.Max(0, await NewestAsync(log) - Repeats); i < total; i++)
        {
            await log.AppendAsync(Topics.Findings, Findings.Record(Make(i, start)));
            await Task.Delay(TimeSpan.FromMilliseconds(2), TimeProvider.System);
        }

        await Eventually.TrueAsync(
            () => new ValueTask<bool>(database.ReadAsync(async (c, t) =>
                await c.Incidents.SumAsync(i => i.FindingCount, t) >= total && !await c.Notifications.AnyAsync(n => !n.Published, t))),
            "all findings consumed and all messages finished",
            TimeSpan.FromSeconds(120));
        await File.WriteAllTextAsync(Path.Combine(folder, "canonical.json"), await CanonicalAsync(database));
        await app.StopAsync();
        return 0;
    }

    private static Finding Make(int i, long start)
    {
        var family = (i % 4) switch { 0 => Family.Extraction, 1 => Family.Adversarial, 2 => Family.Drift, _ => Family.Quality };
        var finding = Findings.Make(
            i,
            model: $"m{i % 7}",
            client: family is Family.Drift or Family.Quality ? "" : $"c{i % 23}",
            family: family,
            severity: i % 11 == 0 ? Severity.Change : Severity.Harm,
            at: UnixNano.ToTime(start + (i * 1_000_000L)));
        finding.SampleEventIds.Add($"event-{i}");
        return finding;
    }

    private static async Task<int> NewestAsync(IEventLog log)
    {
        var newest = -1L;
        for (var partition = 0; partition < 2; partition++)
        {
            var range = await log.GetOffsetsAsync(Topics.Findings, partition);
            await foreach (var entry in log.ReadAsync(Topics.Findings, partition, range.Start, range.End))
            {
                newest = Math.Max(newest, Finding.Parser.ParseFrom(entry.Value!.Value.Span).Position.InputOffset);
            }
        }

        return (int)newest + 1;
    }

    /// <summary>Everything that must not depend on when the process was killed.</summary>
    private static Task<string> CanonicalAsync(MonitoringDatabase database) => database.ReadAsync(async (context, token) =>
    {
        var incidents = await context.Incidents.OrderBy(i => i.Id).ToListAsync(token);
        var findings = await context.IncidentFindings.OrderBy(f => f.IncidentId).ThenBy(f => f.FindingId).Select(f => $"{f.IncidentId} {f.FindingId}").ToListAsync(token);
        var notifications = await context.Notifications.OrderBy(n => n.Id).Select(n => new { n.Id, n.Subject, n.Sequence, n.Transition, n.Receiver, State = n.State.ToString(), n.FindingId, n.Message }).ToListAsync(token);
        foreach (var incident in incidents)
        {
            // The number of writes depends on how findings fell into batches.
            incident.Version = 0;
        }

        return JsonSerializer.Serialize(new { incidents, findings, notifications });
    });
}
