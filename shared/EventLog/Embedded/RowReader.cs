namespace Monitoring.EventLog.Embedded;

/// <summary>Reads the rows of one partition from a segment. Between <see cref="Seek"/> and <see cref="Reset"/> a read transaction is open.</summary>
internal sealed class RowReader : IDisposable
{
    private readonly SqliteDatabase _database;
    private readonly SqliteStatement _rows;
    private readonly SqliteStatement _heads;
    private readonly int _partition;
    private long _from;

    public RowReader(SqliteDatabase database, int partition)
    {
        _database = database;
        _partition = partition;

        // From the row that may hold the offset, which is the last one that begins at or before it.
        var where = $"FROM p{partition} WHERE offset >= coalesce((SELECT offset FROM p{partition} WHERE offset <= ?1 ORDER BY offset DESC LIMIT 1), ?1) AND offset < ?2 ORDER BY offset";
        _rows = database.Prepare($"SELECT offset, records, time, crc, body {where}");
        _heads = database.Prepare($"SELECT offset, records, time {where}");
    }

    /// <summary>Offset of the current row's first record.</summary>
    public long Offset => _rows.Int64(0);

    /// <summary>Records of the current row; their offsets are consecutive.</summary>
    public int Records => (int)_rows.Int64(1);

    /// <summary>Append time of the current row's records.</summary>
    public long Time => _rows.Int64(2);

    /// <summary>The current row's records, each after its length; valid until the next step.</summary>
    /// <exception cref="DamagedSegmentException">They are not what was written.</exception>
    public ReadOnlySpan<byte> Body()
    {
        var body = _rows.Blob(4);
        return Crc32C.Compute(body) == _rows.Int64(3)
            ? body
            : throw Damage();
    }

    /// <summary>The current row is not what was written.</summary>
    public DamagedSegmentException Damage() => new($"{_database.Path}: the records of partition {_partition} from offset {Offset} on are damaged");

    /// <summary>Goes before the first row that holds a record with <paramref name="from"/> ≤ offset, of those that begin before <paramref name="to"/>.</summary>
    public void Seek(long from, long to)
    {
        _from = from;
        _rows.Bind(1, from).Bind(2, to);
    }

    public bool Step()
    {
        while (_rows.Step())
        {
            if (Offset + Records > _from)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Goes to the last row, if there is one.</summary>
    public bool StepToLast()
    {
        // Of a condition that all rows but the last fail, only the last is read.
        Seek(long.MaxValue, long.MaxValue);
        _from = long.MinValue;
        return _rows.Step();
    }

    public void Reset() => _rows.Reset();

    /// <summary>First offset, records and append time of the first row that holds a record with <paramref name="from"/> ≤ offset, of those that begin before <paramref name="to"/>.</summary>
    public (long Offset, int Records, long Time)? Find(long from, long to)
    {
        _heads.Bind(1, from).Bind(2, to);
        try
        {
            while (_heads.Step())
            {
                var (offset, records) = (_heads.Int64(0), (int)_heads.Int64(1));
                if (offset + records > from)
                {
                    return (offset, records, _heads.Int64(2));
                }
            }

            return null;
        }
        finally
        {
            _heads.Reset();
        }
    }

    public void Dispose()
    {
        _rows.Dispose();
        _heads.Dispose();
    }
}
