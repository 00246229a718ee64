using SQLitePCL;

namespace Monitoring.EventLog.Embedded;

/// <summary>A prepared statement. Parameters are numbered from 1, columns from 0.</summary>
internal sealed class SqliteStatement(SqliteDatabase database, sqlite3_stmt statement) : IDisposable
{
    public SqliteStatement Bind(int index, long value)
    {
        _ = raw.sqlite3_bind_int64(statement, index, value);
        return this;
    }

    public SqliteStatement Bind(int index, string value)
    {
        _ = raw.sqlite3_bind_text(statement, index, value);
        return this;
    }

    public SqliteStatement Bind(int index, long? value)
    {
        _ = value is { } v ? raw.sqlite3_bind_int64(statement, index, v) : raw.sqlite3_bind_null(statement, index);
        return this;
    }

    public SqliteStatement Bind(int index, ReadOnlySpan<byte> value)
    {
        _ = raw.sqlite3_bind_blob(statement, index, value);
        return this;
    }

    /// <summary>True with a row, false at the end, which also resets the statement.</summary>
    public bool Step()
    {
        var rc = raw.sqlite3_step(statement);
        if (rc == raw.SQLITE_ROW)
        {
            return true;
        }

        var error = rc == raw.SQLITE_DONE ? null : database.Error(rc);
        _ = raw.sqlite3_reset(statement);
        return error is null ? false : throw error;
    }

    public void Run()
    {
        while (Step())
        {
        }
    }

    /// <summary>Ends the read, and with it its transaction.</summary>
    public void Reset() => raw.sqlite3_reset(statement);

    public bool IsNull(int column) => raw.sqlite3_column_type(statement, column) == raw.SQLITE_NULL;

    public long Int64(int column) => raw.sqlite3_column_int64(statement, column);

    public string Text(int column) => raw.sqlite3_column_text(statement, column).utf8_to_string();

    public ReadOnlySpan<byte> Blob(int column) => raw.sqlite3_column_blob(statement, column);

    public void Dispose() => raw.sqlite3_finalize(statement);
}
