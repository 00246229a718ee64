using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.EventLog;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;
using Monitoring.Storage;
using Monitoring.TestKit;

namespace Monitoring.EndToEnd.Tests.Kill;

/// <summary>An installation that runs in this process, and what it has made of its log.</summary>
internal sealed partial class Installation : IAsyncDisposable
{
    private static readonly TimeSpan s_long = TimeSpan.FromMinutes(4);
    private static readonly JsonSerializerOptions s_json = new() { WriteIndented = true };
    private readonly WebApplication _app;

    private Installation(WebApplication app) => _app = app;

    public IEventLog Log => _app.Services.GetRequiredService<IEventLog>();

    public Uri Address => new(_app.Urls.First());

    private MonitoringDatabase Database => _app.Services.GetRequiredService<MonitoringDatabase>();

    public static async Task<Installation> StartAsync(string file, IReadOnlyList<IServiceModule> modules, CancellationToken token)
    {
        // As --roles does: the file is the whole installation's, whichever part of it runs here.
        var loaded = CheckVerb.Load(file, AllInOne.Program.Modules);
        Assert.Empty(loaded.Errors);
        loaded = loaded with { Value = loaded.Value with { Api = loaded.Value.Api with { Listen = ["http://127.0.0.1:0"] } } };
        var app = MonitoringHost.Build(loaded, modules, s => s.AddLogging(l => l.SetMinimumLevel(LogLevel.Error)));
        await app.StartAsync(token);
        return new Installation(app);
    }

    /// <summary>All monitors, as of their last batch.</summary>
    public IReadOnlyList<MonitorStatus> Monitors() => [.. _app.Services.GetServices<MonitorGroupService>().SelectMany(g => g.Status())];

    /// <summary>Waits until the whole log has been worked off and everybody has been told.</summary>
    public async Task SettleAsync(CancellationToken token)
    {
        var groups = _app.Services.GetServices<MonitorGroupService>().Where(g => g.WatchesModels).ToList();
        var (last, events) = (-1L, 0L);
        try
        {
            await Eventually.TrueAsync(
                async () =>
                {
                    // An empty log is quiet too, while the spool waits for the topics.
                    var relayed = await IsSpoolEmptyAsync(token);
                    events = await LogContent.CountAsync(Log, Topics.InferenceEvents, token);
                    var quiet = relayed && events == last && groups.All(g => g.EventsConsumed >= events);
                    last = events;
                    return quiet;
                },
                "every group has read every event",
                s_long);
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException($"{e.Message}: {events} events; {string.Join(", ", groups.Select(g => $"{g.Group} {g.EventsConsumed}"))}", e);
        }

        await AlertedAsync(token);
    }

    /// <summary>Waits until every finding is in an incident, its evidence is pinned, and every message is out.</summary>
    public async Task AlertedAsync(CancellationToken token)
    {
        var ids = (await LogContent.FindingsAsync(Log, token)).Count;
        await Eventually.TrueAsync(
            () => new ValueTask<bool>(Database.ReadAsync(
                async (c, t) => await c.IncidentFindings.CountAsync(t) >= ids
                    && !await c.IncidentFindings.AnyAsync(f => f.Pin == PinState.Pending, t)
                    && !await c.Notifications.AnyAsync(n => !n.Published, t),
                token)),
            "every finding is in an incident and every message is out",
            s_long);
    }

    public async Task StopAsync() => await _app.StopAsync();

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    /// <summary>Every monitor with the running hash over all updates of its evidence.</summary>
    public string Evidence() => string.Join('\n', _app.Services.GetServices<MonitorGroupService>()
        .SelectMany(g => g.Status().Select(s => string.Create(CultureInfo.InvariantCulture, $"{s.Model} {s.Monitor} {s.Partition} {s.State} '{s.Reason}' {s.Draws} {s.LogEvidence:R} {s.LogLevel:R} {s.ProfileSha256} {s.EvidenceDigest}")))
        .Order(StringComparer.Ordinal));

    /// <summary>Everything about incidents, messages and pinned evidence that must not depend on when a process was killed.</summary>
    public Task<string> IncidentsAsync(CancellationToken token) => Database.ReadAsync(
        async (context, t) =>
        {
            var incidents = await context.Incidents.OrderBy(i => i.Id).ToListAsync(t);
            foreach (var incident in incidents)
            {
                // The number of writes depends on how findings fell into batches.
                incident.Version = 0;
            }

            var findings = await context.IncidentFindings.OrderBy(f => f.IncidentId).ThenBy(f => f.FindingId)
                .Select(f => new { f.IncidentId, f.FindingId, f.TimeUnixNano, Pin = f.Pin.ToString(), Payload = Convert.ToHexString(f.Payload) }).ToListAsync(t);
            var messages = await context.Notifications.Where(n => n.Subject.StartsWith("inc-")).OrderBy(n => n.Id)
                .Select(n => new { n.Id, n.Subject, n.Sequence, n.Transition, n.Receiver, State = n.State.ToString(), n.FindingId, n.Message }).ToListAsync(t);
            var notifications = messages.Select(n => n with { Message = WithoutRoot(n.Message) });
            var pinned = await context.PinnedEvidence.OrderBy(p => p.IncidentId).ThenBy(p => p.EventId).Select(p => new { p.IncidentId, p.EventId, p.TimeUnixNano, p.Sha256 }).ToListAsync(t);
            return JsonSerializer.Serialize(new { incidents, findings, notifications, pinned }, s_json);
        },
        token);

    /// <summary>The newest sealed root is whichever there was when a message was written.</summary>
    private static string WithoutRoot(string message)
    {
        var json = JsonNode.Parse(message)!.AsObject();
        Assert.True(json.Remove("sealedRoot"), message);
        return json.ToJsonString();
    }

    /// <summary>Which findings belong together: independent of the order in which groups happened to write them.</summary>
    public Task<List<string>> MembershipAsync(CancellationToken token) => Database.ReadAsync(
        async (context, t) =>
        {
            var keys = await context.Incidents.ToDictionaryAsync(i => i.Id, i => i.CorrelationKey, t);
            var findings = await context.IncidentFindings.ToListAsync(t);
            return findings.Select(f => $"{keys[f.IncidentId]} {f.FindingId}").Order(StringComparer.Ordinal).ToList();
        },
        token);

    /// <summary>Messages whose sender was killed while sending.</summary>
    public Task<List<string>> UncertainAsync(CancellationToken token) => Database.ReadAsync((c, t) => c.Notifications.Where(n => n.Uncertain).Select(n => n.Id).ToListAsync(t), token);

    private async Task<bool> IsSpoolEmptyAsync(CancellationToken token)
    {
        using var http = new HttpClient { BaseAddress = Address };
        var waiting = SpooledPattern().Match(await http.GetStringAsync(new Uri("/metrics", UriKind.Relative), token));
        Assert.True(waiting.Success, "the installation does not tell how much is in its spool");
        return waiting.Groups[1].Value == "0";
    }

    [GeneratedRegex("^monitoring_inference_spooled_bytes(?:\\{[^}]*\\})? ([0-9]+)$", RegexOptions.Multiline)]
    private static partial Regex SpooledPattern();
}
