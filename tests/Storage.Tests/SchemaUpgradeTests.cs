using Microsoft.EntityFrameworkCore;
using Monitoring.Contracts;
using Monitoring.TestKit;
using Monitoring.TestKit.Servers;

namespace Monitoring.Storage.Tests;

/// <summary>Tables of an earlier version are brought up to date in place, on both databases.</summary>
public sealed class SchemaUpgradeTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Sqlite_TablesOfVersion1_AreBroughtUpToDate()
    {
        using var directory = new TemporaryDirectory();
        await using var database = MonitoringDatabase.OpenSqlite(directory.File("monitoring.db"), survivesPowerCut: false, TimeProvider.System);
        await UpgradeAsync(database, database);
    }

    [Fact]
    public async Task PostgreSql_TablesOfVersion1_AreBroughtUpToDate_ByTwoProcessesAtOnce()
    {
        await using var postgres = await PostgresServer.StartAsync();
        await using var first = MonitoringDatabase.OpenPostgreSql(postgres.ConnectionString, TimeProvider.System);
        await using var second = MonitoringDatabase.OpenPostgreSql(postgres.ConnectionString, TimeProvider.System);
        await UpgradeAsync(first, second);
    }

    [Fact]
    public async Task Sqlite_StepsRunInOrderInOneTransaction()
    {
        using var directory = new TemporaryDirectory();
        await using var database = MonitoringDatabase.OpenSqlite(directory.File("monitoring.db"), survivesPowerCut: false, TimeProvider.System);
        await StepsAsync(database);
    }

    [Fact]
    public async Task PostgreSql_StepsRunInOrderInOneTransaction()
    {
        await using var postgres = await PostgresServer.StartAsync();
        await using var database = MonitoringDatabase.OpenPostgreSql(postgres.ConnectionString, TimeProvider.System);
        await StepsAsync(database);
    }

    private static async Task UpgradeAsync(MonitoringDatabase database, MonitoringDatabase other)
    {
        await database.InitializeAsync(Token);
        await database.WriteAsync((context, _) =>
        {
            context.Audit.Add(new AuditEntry { TimeUnixNano = 7, Actor = "anna", Action = "incident.note", Target = "inc-1", Outcome = "done", Detail = "kept" });
            return Task.CompletedTask;
        }, Token);
        await database.WriteAsync((c, t) => c.Database.ExecuteSqlRawAsync("DROP TABLE erased_client; DROP TABLE pending_rearm; UPDATE schema_version SET version = 1", t), Token);

        await Task.WhenAll(database.InitializeAsync(Token), other.InitializeAsync(Token));
        Assert.Equal([MonitoringDatabase.SchemaVersion], await database.ReadAsync((c, t) => c.Database.SqlQueryRaw<int>("SELECT version AS \"Value\" FROM schema_version").ToListAsync(t), Token));
        await other.WriteAsync((context, _) =>
        {
            context.ErasedClients.Add(new ErasedClient { Sha256 = "a", ErasedUnixNano = long.MaxValue, UntilUnixNano = 2 });
            context.PendingRearms.Add(new PendingRearm { IncidentId = "inc-1", Model = "m", Family = Family.Drift, Client = "", Author = "anna", TimeUnixNano = 3 });
            return Task.CompletedTask;
        }, Token);
        Assert.Equal(long.MaxValue, await database.ReadAsync((c, t) => c.ErasedClients.Select(e => e.ErasedUnixNano).SingleAsync(t), Token));
        Assert.Equal(Family.Drift, await database.ReadAsync((c, t) => c.PendingRearms.Select(r => r.Family).SingleAsync(t), Token));
        Assert.Equal("kept", await database.ReadAsync((c, t) => c.Audit.Select(a => a.Detail).SingleAsync(t), Token));
    }

    private static async Task StepsAsync(MonitoringDatabase database)
    {
        await database.InitializeAsync(Token);
        var fail = true;
        SchemaUpgrade[] upgrades =
        [
            new(MonitoringDatabase.SchemaVersion + 2, (connection, transaction, _, token) => fail ? throw new InvalidOperationException("the step failed") : RunAsync(connection, transaction, "ALTER TABLE added ADD COLUMN second INTEGER", token)),
            new(MonitoringDatabase.SchemaVersion + 1, (connection, transaction, _, token) => RunAsync(connection, transaction, "CREATE TABLE added (first INTEGER)", token)),
        ];

        // The failing step takes the first one back with it, so that the second try starts where the first did.
        await Assert.ThrowsAsync<InvalidOperationException>(() => database.InitializeAsync(MonitoringDatabase.SchemaVersion + 2, upgrades, Token));
        fail = false;
        await database.InitializeAsync(MonitoringDatabase.SchemaVersion + 2, upgrades, Token);
        await database.WriteAsync((c, t) => c.Database.ExecuteSqlRawAsync("INSERT INTO added (first, second) VALUES (1, 2)", t), Token);

        static async Task RunAsync(System.Data.Common.DbConnection connection, System.Data.Common.DbTransaction transaction, string sql, CancellationToken token)
        {
            await using var command = connection.CreateCommand();
            command.Transaction = transaction;
            command.CommandText = sql;
            await command.ExecuteNonQueryAsync(token);
        }
    }
}
