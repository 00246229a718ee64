using Microsoft.EntityFrameworkCore;
using Monitoring.Contracts;
using Monitoring.TestKit;

namespace Monitoring.Storage.Tests;

public sealed class MonitoringDatabaseTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    [Fact]
    public async Task Initialize_Twice_KeepsWhatIsThere()
    {
        await using (var first = Open())
        {
            await first.InitializeAsync(TestContext.Current.CancellationToken);
            await first.WriteAsync((context, _) =>
            {
                context.Incidents.Add(Incident("inc-1", "key"));
                return Task.CompletedTask;
            }, TestContext.Current.CancellationToken);
        }

        await using var second = Open();
        await second.InitializeAsync(TestContext.Current.CancellationToken);
        Assert.Equal(1, await second.ReadAsync((c, t) => c.Incidents.CountAsync(t), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Initialize_NewerTables_SaysSo()
    {
        await using var database = Open();
        await database.InitializeAsync(TestContext.Current.CancellationToken);
        await database.WriteAsync((c, t) => c.Database.ExecuteSqlRawAsync("UPDATE schema_version SET version = 99", t), TestContext.Current.CancellationToken);

        var error = await Assert.ThrowsAsync<StorageSchemaException>(() => database.InitializeAsync(TestContext.Current.CancellationToken));
        Assert.Contains("version 99", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Write_SameOpenKeyTwice_IsRefusedByTheDatabase()
    {
        await using var database = Open();
        await database.InitializeAsync(TestContext.Current.CancellationToken);
        await Add("inc-1", "key");
        await Assert.ThrowsAsync<DbUpdateException>(() => Add("inc-2", "key"));

        // Closed incidents keep no open key: any number of them is fine.
        await Add("inc-3", null);
        await Add("inc-4", null);
        Assert.Equal(3, await database.ReadAsync((c, t) => c.Incidents.CountAsync(t), TestContext.Current.CancellationToken));

        Task Add(string id, string? key) => database.WriteAsync((context, _) =>
        {
            context.Incidents.Add(Incident(id, key));
            return Task.CompletedTask;
        }, TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Write_Throws_NothingIsKept()
    {
        await using var database = Open();
        await database.InitializeAsync(TestContext.Current.CancellationToken);
        await Assert.ThrowsAsync<InvalidOperationException>(() => database.WriteAsync(async (context, token) =>
        {
            context.Incidents.Add(Incident("inc-1", "key"));
            await context.SaveChangesAsync(token);
            throw new InvalidOperationException("killed before the commit");
        }, TestContext.Current.CancellationToken));
        Assert.Equal(0, await database.ReadAsync((c, t) => c.Incidents.CountAsync(t), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Write_ManyAtOnce_NoneIsLost()
    {
        await using var database = Open();
        await database.InitializeAsync(TestContext.Current.CancellationToken);
        await database.WriteAsync((context, _) =>
        {
            context.Incidents.Add(Incident("inc-1", "key"));
            return Task.CompletedTask;
        }, TestContext.Current.CancellationToken);

        await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => database.WriteAsync(async (context, token) =>
        {
            var incident = await context.Incidents.SingleAsync(token);
            incident.FindingCount++;
        }, TestContext.Current.CancellationToken)));

        Assert.Equal(100, await database.ReadAsync((c, t) => c.Incidents.Select(i => i.FindingCount).SingleAsync(t), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Details_RoundTrip()
    {
        await using var database = Open();
        await database.InitializeAsync(TestContext.Current.CancellationToken);
        await database.WriteAsync((context, _) =>
        {
            var incident = Incident("inc-1", "key");
            incident.Details = new IncidentDetails
            {
                Clients = ["a", "b"],
                Variables = [new VariableShare("distance", 12.5, "shift-sd", 1, 2, 1.3)],
                Measures = new Dictionary<string, double> { ["fidelity"] = 0.83 },
                Timeline = [new TimelineEntry(5, "opened", "monitoring", "text")],
            };
            context.Incidents.Add(incident);
            return Task.CompletedTask;
        }, TestContext.Current.CancellationToken);

        var details = await database.ReadAsync((c, t) => c.Incidents.Select(i => i.Details).SingleAsync(t), TestContext.Current.CancellationToken);
        Assert.Equal(["a", "b"], details.Clients);
        Assert.Equal(new VariableShare("distance", 12.5, "shift-sd", 1, 2, 1.3), Assert.Single(details.Variables));
        Assert.Equal(0.83, details.Measures["fidelity"]);
        Assert.Equal("opened", Assert.Single(details.Timeline).Transition);
    }

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task WriteTogether_ManyAtOnce_AreAllKept_AndOneThatFailsTakesNoneWithIt()
    {
        await using var database = Open();
        await database.InitializeAsync(TestContext.Current.CancellationToken);

        // What comes while the writer is busy is done together, the eleventh of it in vain.
        var calls = new Task<int>[100];
        await database.WriteAsync(
            (_, _) =>
            {
                for (var i = 0; i < calls.Length; i++)
                {
                    var number = i;
                    calls[i] = database.WriteTogetherAsync((context, _) =>
                    {
                        context.Incidents.Add(number == 10 ? throw new InvalidOperationException("the eleventh") : Incident($"inc-{number}", $"key-{number}"));
                        return Task.FromResult(number);
                    });
                }

                return Task.CompletedTask;
            },
            TestContext.Current.CancellationToken);

        Assert.Equal("the eleventh", (await Assert.ThrowsAsync<InvalidOperationException>(() => calls[10])).Message);
        Assert.Equal(Enumerable.Range(0, 100).Where(i => i != 10), await Task.WhenAll(calls.Where((_, i) => i != 10)));
        Assert.Equal(99, await database.ReadAsync((c, t) => c.Incidents.CountAsync(t), TestContext.Current.CancellationToken));

        // And whoever comes later finds the writer awake.
        Assert.Equal(7, await database.WriteTogetherAsync((_, _) => Task.FromResult(7)));
    }

    private MonitoringDatabase Open() => MonitoringDatabase.OpenSqlite(_directory.File("monitoring.db"), survivesPowerCut: false, TimeProvider.System);

    private static Incident Incident(string id, string? openKey) => new()
    {
        Id = id,
        OpenKey = openKey,
        CorrelationKey = openKey ?? "closed",
        State = IncidentState.Open,
        Severity = Severity.Harm,
        Family = Family.Drift,
        Model = "m",
        ModelVersion = "1",
        Client = "",
        Sentence = "",
    };
}
