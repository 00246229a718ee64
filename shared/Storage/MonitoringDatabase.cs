using System.Collections.Concurrent;
using System.Data;
using System.Data.Common;
using System.Globalization;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;

namespace Monitoring.Storage;

/// <summary>
/// The database of incidents, notifications and audit: a SQLite file (WAL) or a PostgreSQL database. Writes run in one
/// transaction each; SQLite has one writer, so writers of this process wait for each other here instead of polling the file.
/// </summary>
public sealed class MonitoringDatabase : IAsyncDisposable
{
    /// <summary>Version of the tables that this build reads and writes.</summary>
    public const int SchemaVersion = 2;

    private const int MaxAttempts = 20;

    /// <summary>Small writes in one transaction: enough that a commit costs little for each, few enough that others are not kept waiting.</summary>
    private const int MaxTogether = 64;

    private static readonly SchemaUpgrade[] s_upgrades =
    [
        new(2, async (connection, transaction, _, token) =>
        {
            await ExecuteAsync(connection, transaction, """CREATE TABLE erased_client ("Sha256" TEXT NOT NULL CONSTRAINT "PK_erased_client" PRIMARY KEY, "ErasedUnixNano" BIGINT NOT NULL, "UntilUnixNano" BIGINT NOT NULL)""", token).ConfigureAwait(false);
            await ExecuteAsync(connection, transaction, """CREATE TABLE pending_rearm ("IncidentId" TEXT NOT NULL CONSTRAINT "PK_pending_rearm" PRIMARY KEY, "Model" TEXT NOT NULL, "Family" INTEGER NOT NULL, "Client" TEXT NOT NULL, "Author" TEXT NOT NULL, "TimeUnixNano" BIGINT NOT NULL)""", token).ConfigureAwait(false);
        }),
    ];

    private readonly DbContextOptions<MonitoringDbContext> _options;
    private readonly PooledDbContextFactory<MonitoringDbContext> _factory;
    private readonly SemaphoreSlim? _writer;
    private readonly ConcurrentQueue<PendingWrite> _together = new();
    private readonly TimeProvider _time;
    private int _isWritingTogether;
    private readonly Random _jitter = new(Environment.ProcessId);

    private MonitoringDatabase(DbContextOptions<MonitoringDbContext> options, bool isSqlite, TimeProvider time)
    {
        _options = options;
        _factory = new PooledDbContextFactory<MonitoringDbContext>(options, poolSize: 64);
        _writer = isSqlite ? new SemaphoreSlim(1, 1) : null;
        _time = time;
    }

    /// <summary>True on PostgreSQL, where several processes may share the database.</summary>
    public bool IsShared => _writer is null;

    /// <summary>A database in the file <paramref name="path"/>, created by <see cref="InitializeAsync"/>.</summary>
    /// <param name="path">File; its folder must exist.</param>
    /// <param name="survivesPowerCut">synchronous=FULL instead of NORMAL, which survives <c>kill -9</c> only.</param>
    /// <param name="time">Clock of waits between attempts.</param>
    public static MonitoringDatabase OpenSqlite(string path, bool survivesPowerCut, TimeProvider time)
    {
        var connection = new SqliteConnectionStringBuilder { DataSource = path, ForeignKeys = false }.ToString();
        var options = new DbContextOptionsBuilder<MonitoringDbContext>()
            .UseSqlite(connection)
            .AddInterceptors(new SqlitePragmas(survivesPowerCut))
            .Options;
        return new MonitoringDatabase(options, isSqlite: true, time);
    }

    /// <summary>A database on a PostgreSQL server; the database itself must exist.</summary>
    public static MonitoringDatabase OpenPostgreSql(string connectionString, TimeProvider time)
    {
        var options = new DbContextOptionsBuilder<MonitoringDbContext>().UseNpgsql(connectionString).Options;
        return new MonitoringDatabase(options, isSqlite: false, time);
    }

    /// <summary>
    /// Creates the tables, or brings older ones up to date, in one transaction. Throws <see cref="StorageSchemaException"/>
    /// when the tables were written by a newer build.
    /// </summary>
    public Task InitializeAsync(CancellationToken cancellationToken = default) => InitializeAsync(SchemaVersion, s_upgrades, cancellationToken);

    internal async Task InitializeAsync(int target, IReadOnlyList<SchemaUpgrade> upgrades, CancellationToken cancellationToken)
    {
        await using var context = new MonitoringDbContext(_options);
        var connection = context.Database.GetDbConnection();
        await context.Database.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        if (!IsShared)
        {
            await ExecuteAsync(connection, null, "PRAGMA journal_mode = WAL", cancellationToken).ConfigureAwait(false);
        }

        await using var transaction = await context.Database.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
        var raw = transaction.GetDbTransaction();
        if (IsShared)
        {
            // Two processes starting at once on an empty database: one creates, the other waits here and finds it done.
            await ExecuteAsync(connection, raw, "SELECT pg_advisory_xact_lock(727274651)", cancellationToken).ConfigureAwait(false);
        }

        await ExecuteAsync(connection, raw, "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)", cancellationToken).ConfigureAwait(false);
        var found = await ExecuteAsync(connection, raw, "SELECT version FROM schema_version", cancellationToken).ConfigureAwait(false);
        var version = found is null ? 0 : Convert.ToInt32(found, CultureInfo.InvariantCulture);
        if (version > target)
        {
            throw new StorageSchemaException(string.Create(CultureInfo.InvariantCulture, $"the database has tables of version {version}, this build knows {target}: run the newer build, or restore the backup made before the upgrade"));
        }

        if (version == 0)
        {
            foreach (var command in context.Database.GenerateCreateScript().Split(";\n", StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
            {
                await ExecuteAsync(connection, raw, command, cancellationToken).ConfigureAwait(false);
            }
        }

        foreach (var upgrade in upgrades.Where(u => version > 0 && u.To > version).OrderBy(u => u.To))
        {
            await upgrade.ApplyAsync(connection, raw, IsShared, cancellationToken).ConfigureAwait(false);
        }

        if (version != target)
        {
            await ExecuteAsync(connection, raw, "DELETE FROM schema_version", cancellationToken).ConfigureAwait(false);
            await ExecuteAsync(connection, raw, string.Create(CultureInfo.InvariantCulture, $"INSERT INTO schema_version (version) VALUES ({target})"), cancellationToken).ConfigureAwait(false);
        }

        await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Reads without a transaction and without tracking.</summary>
    public async Task<T> ReadAsync<T>(Func<MonitoringDbContext, CancellationToken, Task<T>> read, CancellationToken cancellationToken = default)
    {
        await using var context = await _factory.CreateDbContextAsync(cancellationToken).ConfigureAwait(false);
        context.ChangeTracker.QueryTrackingBehavior = QueryTrackingBehavior.NoTracking;
        return await read(context, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Runs <paramref name="write"/> and saves in one transaction. When another writer was faster (a changed row, the same open
    /// key, a serialisation failure, a busy file) all of it runs again on a fresh context: it must have no other effects.
    /// </summary>
    public async Task<T> WriteAsync<T>(Func<MonitoringDbContext, CancellationToken, Task<T>> write, CancellationToken cancellationToken = default)
    {
        for (var attempt = 1; ; attempt++)
        {
            if (_writer is not null)
            {
                await _writer.WaitAsync(cancellationToken).ConfigureAwait(false);
            }

            try
            {
                return await InTransactionAsync(write, cancellationToken).ConfigureAwait(false);
            }
            catch (Exception e) when (attempt < MaxAttempts && MayHelpToTryAgain(e))
            {
                // Tried again below, outside of the lock.
            }
            finally
            {
                _writer?.Release();
            }

            await Task.Delay(WaitAfter(attempt), _time, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <inheritdoc cref="WriteAsync{T}"/>
    public Task WriteAsync(Func<MonitoringDbContext, CancellationToken, Task> write, CancellationToken cancellationToken = default) =>
        WriteAsync(
            async (context, token) =>
            {
                await write(context, token).ConfigureAwait(false);
                return true;
            },
            cancellationToken);

    /// <summary>
    /// As <see cref="WriteAsync{T}"/>, for small writes that come many at a time. SQLite has one writer and a commit costs more than a row: those that wait meanwhile go into one transaction, in the order of the calls. When one of them fails
    /// nothing of them is kept and each is done in a transaction of its own. Cannot be cancelled: whoever asks must learn what became of it.
    /// </summary>
    public Task<T> WriteTogetherAsync<T>(Func<MonitoringDbContext, CancellationToken, Task<T>> write)
    {
        if (IsShared)
        {
            return WriteAsync(write);
        }

        var pending = new PendingWrite<T>(write);
        _together.Enqueue(pending);
        if (Interlocked.Exchange(ref _isWritingTogether, 1) == 0)
        {
            _ = Task.Run(WriteTogetherAsync);
        }

        return pending.Result;
    }

    private async Task WriteTogetherAsync()
    {
        while (true)
        {
            await _writer!.WaitAsync().ConfigureAwait(false);
            try
            {
                var writes = new List<PendingWrite>();
                while (writes.Count < MaxTogether && _together.TryDequeue(out var write))
                {
                    writes.Add(write);
                }

                await WriteAsync(writes).ConfigureAwait(false);
            }
            finally
            {
                _writer.Release();
            }

            if (_together.IsEmpty)
            {
                // Who comes between the look and the mark finds the mark set and leaves it to us: look again.
                Volatile.Write(ref _isWritingTogether, 0);
                if (_together.IsEmpty || Interlocked.Exchange(ref _isWritingTogether, 1) != 0)
                {
                    return;
                }
            }
        }
    }

    private async Task<T> InTransactionAsync<T>(Func<MonitoringDbContext, CancellationToken, Task<T>> write, CancellationToken cancellationToken)
    {
        await using var context = await _factory.CreateDbContextAsync(cancellationToken).ConfigureAwait(false);
        context.ChangeTracker.QueryTrackingBehavior = QueryTrackingBehavior.TrackAll;
        await using var transaction = await context.Database.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
        var result = await write(context, cancellationToken).ConfigureAwait(false);
        await SaveAsync(context, cancellationToken).ConfigureAwait(false);
        await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
        return result;
    }

    private async Task WriteAsync(List<PendingWrite> writes)
    {
        try
        {
            await InTransactionAsync(
                async (context, _) =>
                {
                    foreach (var write in writes)
                    {
                        await write.RunAsync(context).ConfigureAwait(false);
                    }

                    return true;
                },
                CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception)
        {
            // Whose fault it was shows when each is done alone, behind this turn of the writer.
            writes.ForEach(w => w.RunAlone(this));
            return;
        }

        writes.ForEach(w => w.Complete());
    }

    private static async Task SaveAsync(MonitoringDbContext context, CancellationToken cancellationToken)
    {
        foreach (var entry in context.ChangeTracker.Entries<Incident>().Where(e => e.State == EntityState.Modified))
        {
            entry.Entity.Version++;
        }

        await context.SaveChangesAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Findings whose bytes hold a text.</summary>
    public IQueryable<IncidentFinding> FindingsWith(MonitoringDbContext context, byte[] text) =>
        context.IncidentFindings.FromSqlRaw(IsShared ? """SELECT * FROM incident_finding WHERE position({0} in "Payload") > 0""" : """SELECT * FROM incident_finding WHERE instr("Payload", {0}) > 0""", text);

    /// <summary>Pinned events whose bytes hold a text.</summary>
    public IQueryable<PinnedEvidence> PinnedWith(MonitoringDbContext context, byte[] text) =>
        context.PinnedEvidence.FromSqlRaw(IsShared ? """SELECT * FROM pinned_evidence WHERE position({0} in "Payload") > 0""" : """SELECT * FROM pinned_evidence WHERE instr("Payload", {0}) > 0""", text);

    /// <summary>Incidents that hold a text in their key, sentence, client or details.</summary>
    public IQueryable<Incident> IncidentsWith(MonitoringDbContext context, string text) =>
        context.Incidents.FromSqlRaw(
            IsShared
                ? """SELECT * FROM incident WHERE strpos("CorrelationKey", {0}) > 0 OR strpos("Sentence", {0}) > 0 OR strpos("Client", {0}) > 0 OR strpos("Details", {0}) > 0"""
                : """SELECT * FROM incident WHERE instr("CorrelationKey", {0}) > 0 OR instr("Sentence", {0}) > 0 OR instr("Client", {0}) > 0 OR instr("Details", {0}) > 0""",
            text);

    /// <summary>
    /// Gives back what removed rows occupied. On SQLite the file is written anew without them and the write-ahead log emptied, so that their bytes are gone; on PostgreSQL
    /// they can no longer be read by queries, and its own log and backups keep them for as long as they are kept.
    /// </summary>
    public async Task CompactAsync(CancellationToken cancellationToken = default)
    {
        if (_writer is not null)
        {
            await _writer.WaitAsync(cancellationToken).ConfigureAwait(false);
        }

        try
        {
            await using var context = await _factory.CreateDbContextAsync(cancellationToken).ConfigureAwait(false);
            context.Database.SetCommandTimeout(TimeSpan.FromMinutes(30));
            if (IsShared)
            {
                await context.Database.ExecuteSqlRawAsync("VACUUM incident, incident_finding, notification, note, silence, audit, pinned_evidence", cancellationToken).ConfigureAwait(false);
                return;
            }

            await context.Database.ExecuteSqlRawAsync("VACUUM", cancellationToken).ConfigureAwait(false);

            // Empties the log only while nobody reads; readers are short.
            var connection = context.Database.GetDbConnection();
            await context.Database.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
            for (var attempt = 1; attempt <= MaxAttempts && await ExecuteAsync(connection, null, "PRAGMA wal_checkpoint(TRUNCATE)", cancellationToken).ConfigureAwait(false) is not 0L; attempt++)
            {
                await Task.Delay(WaitAfter(attempt), _time, cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            _writer?.Release();
        }
    }

    public ValueTask DisposeAsync()
    {
        _writer?.Dispose();
        if (!IsShared)
        {
            // Pooled connections keep the file open after the last context is gone.
            using var context = new MonitoringDbContext(_options);
            SqliteConnection.ClearPool((SqliteConnection)context.Database.GetDbConnection());
        }

        return ValueTask.CompletedTask;
    }

    /// <summary>Grows to a third of a second, and differs between writers: those that collided once must not meet again.</summary>
    private TimeSpan WaitAfter(int attempt)
    {
        lock (_jitter)
        {
            return TimeSpan.FromMilliseconds((5 << Math.Min(attempt, 6)) * _jitter.NextDouble());
        }
    }

    private static bool MayHelpToTryAgain(Exception e) => e switch
    {
        DbUpdateConcurrencyException => true,
        PostgresException p => p.IsTransient || p.SqlState is PostgresErrorCodes.UniqueViolation or PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected,
        NpgsqlException n => n.IsTransient,
        SqliteException s => s.SqliteErrorCode is 5 or 6, // SQLITE_BUSY, SQLITE_LOCKED
        DbUpdateException { InnerException: { } inner } => MayHelpToTryAgain(inner),
        _ => false,
    };

    private static async Task<object?> ExecuteAsync(DbConnection connection, DbTransaction? transaction, string sql, CancellationToken cancellationToken)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.Transaction = transaction;
        return await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false);
    }
}
