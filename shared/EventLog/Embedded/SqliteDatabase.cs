using SQLitePCL;

namespace Monitoring.EventLog.Embedded;

/// <summary>
/// One SQLite connection, used by one thread at a time. SQLite's C functions are called directly: at 150,000 rows a second the layers of
/// ADO.NET cost more than SQLite does.
/// </summary>
internal sealed class SqliteDatabase : IDisposable
{
    private readonly sqlite3 _handle;

    static SqliteDatabase() => Batteries_V2.Init();

    private SqliteDatabase(sqlite3 handle, string path)
    {
        _handle = handle;
        Path = path;
    }

    public enum Mode
    {
        ReadOnly,
        ReadWriteCreate,
    }

    public string Path { get; }

    /// <summary>Opens the file; throws <see cref="EventLogException"/>.</summary>
    public static SqliteDatabase Open(string path, Mode mode)
    {
        var flags = raw.SQLITE_OPEN_NOMUTEX | (mode == Mode.ReadOnly ? raw.SQLITE_OPEN_READONLY : raw.SQLITE_OPEN_READWRITE | raw.SQLITE_OPEN_CREATE);
        var rc = raw.sqlite3_open_v2(path, out var handle, flags, null);
        var database = new SqliteDatabase(handle, path);
        if (rc != raw.SQLITE_OK)
        {
            using (database)
            {
                throw database.Error(rc);
            }
        }

        _ = raw.sqlite3_busy_timeout(handle, 2000);
        return database;
    }

    public void Execute(string sql)
    {
        using var statement = Prepare(sql);
        while (statement.Step())
        {
        }
    }

    public long? Scalar(string sql)
    {
        using var statement = Prepare(sql);
        return statement.Step() && !statement.IsNull(0) ? statement.Int64(0) : null;
    }

    public SqliteStatement Prepare(string sql)
    {
        var rc = raw.sqlite3_prepare_v2(_handle, sql, out var statement);
        return rc == raw.SQLITE_OK ? new SqliteStatement(this, statement) : throw Error(rc);
    }

    /// <summary>Writes the write-ahead log back. Returns its frames and how many of them have been written back.</summary>
    public (int Frames, int WrittenBack) Checkpoint(bool truncate)
    {
        var rc = raw.sqlite3_wal_checkpoint_v2(_handle, null, truncate ? raw.SQLITE_CHECKPOINT_TRUNCATE : raw.SQLITE_CHECKPOINT_PASSIVE, out var frames, out var done);
        return rc is raw.SQLITE_OK or raw.SQLITE_BUSY or raw.SQLITE_LOCKED ? (frames, done) : throw Error(rc);
    }

    public EventLogException Error(int rc)
    {
        var text = $"{Path}: {raw.sqlite3_errmsg(_handle).utf8_to_string()} (SQLite {rc})";
        return (rc & 0xff) switch
        {
            raw.SQLITE_FULL => new EventLogException($"the disk is full; nothing of this append was stored: {text}", isTransient: true),
            raw.SQLITE_BUSY or raw.SQLITE_LOCKED => new EventLogException($"the database is locked by another program; nothing of this append was stored: {text}", isTransient: true),
            raw.SQLITE_IOERR => new EventLogException($"input/output error: {text}", isTransient: true),
            raw.SQLITE_CORRUPT or raw.SQLITE_NOTADB => new DamagedSegmentException($"the file is damaged: {text}"),
            _ => new EventLogException(text, isTransient: false),
        };
    }

    public void Dispose() => raw.sqlite3_close_v2(_handle);
}
