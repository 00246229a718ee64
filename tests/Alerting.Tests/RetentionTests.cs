using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Monitoring.Alerting.Incidents;
using Monitoring.Contracts;
using Monitoring.Hosting.Configuration;
using Monitoring.Storage;
using Monitoring.TestKit;
using Monitoring.TestKit.Servers;

namespace Monitoring.Alerting.Tests;

/// <summary>What is over and old leaves the database; what is open or held stays whole.</summary>
public sealed class RetentionTests
{
    private static readonly long s_now = UnixNano.Now(TimeProvider.System);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Sqlite_OldAndOverIsRemovedOpenAndHeldStays()
    {
        using var directory = new TemporaryDirectory();
        await using var database = MonitoringDatabase.OpenSqlite(directory.File("monitoring.db"), survivesPowerCut: false, TimeProvider.System);
        await RemoveAsync(database);
    }

    [Fact]
    public async Task PostgreSql_OldAndOverIsRemovedOpenAndHeldStays()
    {
        await using var postgres = await PostgresServer.StartAsync();
        await using var database = MonitoringDatabase.OpenPostgreSql(postgres.ConnectionString, TimeProvider.System);
        await RemoveAsync(database);
    }

    private static async Task RemoveAsync(MonitoringDatabase database)
    {
        await using var services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        var factory = services.GetRequiredService<IMeterFactory>();
        var metrics = new AlertingMetrics(factory, new IncidentMetrics(factory));
        var counted = new ConcurrentDictionary<string, long>(StringComparer.Ordinal);
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, l) =>
        {
            if (instrument.Meter == metrics.Meter && instrument.Name == "monitoring_alerting_retired_rows")
            {
                l.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<long>((_, value, tags, _) => counted.AddOrUpdate((string)tags[0].Value!, value, (_, sum) => sum + value));
        listener.Start();
        var days = TimeSpan.FromDays(30);
        var configuration = new MonitoringConfiguration { Storage = new StorageConfiguration { Retention = new DatabaseRetentionConfiguration { Incidents = TimeSpan.FromDays(365), Evidence = days, Notifications = days, Audit = TimeSpan.FromDays(365) } } };
        await database.InitializeAsync(Token);
        await database.WriteAsync(
            (context, _) =>
            {
                Add(context, "inc-old", closedDaysAgo: 800);
                Add(context, "inc-young", closedDaysAgo: 100);
                Add(context, "inc-held", closedDaysAgo: 800, held: true);
                Add(context, "inc-open", closedDaysAgo: null);
                Add(context, "inc-storm", closedDaysAgo: 800, held: true);
                Add(context, "inc-member", closedDaysAgo: 800, parent: "inc-storm");
                Add(context, "inc-over-storm", closedDaysAgo: 800);
                Add(context, "inc-over-member", closedDaysAgo: 100, parent: "inc-over-storm");
                Add(context, "inc-attack", closedDaysAgo: 800);
                Add(context, "inc-inhibited", closedDaysAgo: null, inhibitedBy: "inc-attack");
                Add(context, "inc-unsent", closedDaysAgo: 800, isSent: false);
                context.Notifications.Add(Notification("digest-1", "digest-2024-01-01", Ago(800), isSent: true));
                context.Silences.Add(new Silence { Model = "", Client = "", Family = Family.Unspecified, StartsUnixNano = Ago(900), EndsUnixNano = Ago(800), Author = "anna", Reason = "over" });
                context.Silences.Add(new Silence { Model = "", Client = "", Family = Family.Unspecified, StartsUnixNano = Ago(900), EndsUnixNano = Ago(-1), Author = "anna", Reason = "running" });
                return Task.CompletedTask;
            },
            Token);

        await new DatabaseRetention(database, new AlertingSettings(configuration, "local"), metrics, TimeProvider.System).RemoveAsync(Token);

        string[] kept = ["inc-attack", "inc-held", "inc-inhibited", "inc-member", "inc-open", "inc-over-member", "inc-over-storm", "inc-storm", "inc-unsent", "inc-young"];
        Assert.Equal(kept, await ListAsync(c => c.Incidents.Select(i => i.Id)));
        Assert.Equal(kept, await ListAsync(c => c.IncidentFindings.Select(f => f.IncidentId)));
        Assert.Equal(kept, await ListAsync(c => c.Notes.Select(n => n.IncidentId)));
        Assert.Equal(["inc-held", "inc-inhibited", "inc-member", "inc-open", "inc-storm"], await ListAsync(c => c.PinnedEvidence.Select(p => p.IncidentId)));

        // Messages of what is closed and not held go at their own age; what was never sent stays.
        Assert.Equal(["inc-held", "inc-inhibited", "inc-open", "inc-storm", "inc-unsent"], await ListAsync(c => c.Notifications.Select(n => n.Subject)));
        Assert.Equal(["running"], await ListAsync(c => c.Silences.Select(s => s.Reason)));
        Assert.Equal(["inc-held", "inc-inhibited", "inc-open", "inc-open/event", "inc-storm"], await ListAsync(c => c.Audit.Where(a => a.Action == "test").Select(a => a.Target)));

        var audit = await database.ReadAsync((c, t) => c.Audit.Where(a => a.Action == "retention.remove").ToListAsync(t), Token);
        Assert.Equal(["audit 7 older than 365d", "evidence 5 older than 30d", "incidents 1 older than 365d", "notifications 6 older than 30d", "silences 1 older than 365d"], audit.Select(a => $"{a.Target} {a.Detail}").Order(StringComparer.Ordinal));
        Assert.All(audit, a => Assert.Equal(("monitoring", "done"), (a.Actor, a.Outcome)));
        Assert.Equal(["audit 7", "evidence 5", "incidents 1", "notifications 6", "silences 1"], counted.Select(c => $"{c.Key} {c.Value}").Order(StringComparer.Ordinal));

        Task<List<string>> ListAsync(Func<MonitoringDbContext, IQueryable<string>> of) => database.ReadAsync(async (c, t) =>
        {
            var found = await of(c).ToListAsync(t);
            found.Sort(StringComparer.Ordinal);
            return found;
        }, Token);
    }

    private static void Add(MonitoringDbContext context, string id, int? closedDaysAgo, bool held = false, string? parent = null, string? inhibitedBy = null, bool isSent = true)
    {
        context.Incidents.Add(new Incident
        {
            Id = id,
            OpenKey = closedDaysAgo is null ? id : null,
            CorrelationKey = id,
            State = closedDaysAgo is null ? IncidentState.Open : IncidentState.Resolved,
            Severity = Severity.Harm,
            Family = Family.Drift,
            Model = "m",
            ModelVersion = "",
            Client = "",
            Sentence = "",
            Held = held,
            ParentId = parent,
            InhibitedById = inhibitedBy,
            OpenedUnixNano = Ago(900),
            LastFindingUnixNano = Ago(800),
            ClosedUnixNano = closedDaysAgo is { } days ? Ago(days) : null,
        });
        context.IncidentFindings.Add(new IncidentFinding { IncidentId = id, FindingId = "f", TimeUnixNano = Ago(900), Monitor = "m", Kind = "m", Severity = Severity.Harm, Payload = [], Pin = PinState.Pinned });
        context.Notes.Add(new IncidentNote { IncidentId = id, TimeUnixNano = Ago(900), Author = "anna", Text = "" });
        context.PinnedEvidence.Add(new PinnedEvidence { IncidentId = id, EventId = "e", Topic = "", Partition = 0, Offset = 0, TimeUnixNano = Ago(900), Payload = [1], Sha256 = "" });
        context.Notifications.Add(Notification($"msg-{id}", id, Ago(800), isSent));
        context.Audit.Add(Audit(id));
        if (id == "inc-open")
        {
            context.Audit.Add(Audit(id + "/event"));
        }
    }

    private static OutboxNotification Notification(string id, string subject, long at, bool isSent) => new()
    {
        Id = id,
        Subject = subject,
        Sequence = 1,
        Transition = "opened",
        Receiver = "gone",
        State = isSent ? NotificationState.Delivered : NotificationState.Pending,
        Message = "{}",
        CreatedUnixNano = at,
        NextAttemptUnixNano = at,
        FinishedUnixNano = isSent ? at : null,
        Published = isSent,
    };

    private static AuditEntry Audit(string target) => new() { TimeUnixNano = Ago(800), Actor = "anna", Action = "test", Target = target, Outcome = "done", Detail = "" };

    private static long Ago(int days) => s_now - UnixNano.Span(TimeSpan.FromDays(days));
}
