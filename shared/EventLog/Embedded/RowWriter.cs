namespace Monitoring.EventLog.Embedded;

/// <summary>
/// Writes the table of one partition. Records with consecutive offsets and one append time share a row, up to <see cref="RecordBlock.MaxBytes"/>: at a row
/// a record SQLite spent more on rows than on bytes. Within the caller's transaction; <see cref="Flush"/> before its end.
/// </summary>
internal sealed class RowWriter(SqliteDatabase database, int partition) : IDisposable
{
    private readonly SqliteStatement _insert = database.Prepare($"INSERT INTO p{partition}(offset, records, time, crc, body) VALUES(?,?,?,?,?)");
    private byte[] _row = [];
    private int _length;
    private int _records;
    private long _offset;
    private long _time;

    /// <summary>Adds a block of records; returns the rows written, which may be earlier ones.</summary>
    /// <param name="offset">Offset of the first.</param>
    /// <param name="time">Append time of all.</param>
    /// <param name="block">The records with their frames.</param>
    /// <param name="count">How many.</param>
    public int Add(long offset, long time, ReadOnlySpan<byte> block, int count)
    {
        var rows = 0;
        if (_records > 0 && (offset != _offset + _records || time != _time || _length + block.Length > RecordBlock.MaxBytes))
        {
            rows += Flush();
        }

        if (_records == 0)
        {
            (_offset, _time) = (offset, time);
            if (block.Length >= RecordBlock.MaxBytes / 2)
            {
                Insert(offset, count, time, block);
                return rows + 1;
            }
        }

        if (_row.Length == 0)
        {
            _row = new byte[RecordBlock.MaxBytes];
        }

        block.CopyTo(_row.AsSpan(_length));
        _length += block.Length;
        _records += count;
        return rows;
    }

    /// <summary>Writes what has not made a whole row; returns the rows written.</summary>
    public int Flush()
    {
        if (_records == 0)
        {
            return 0;
        }

        Insert(_offset, _records, _time, _row.AsSpan(0, _length));
        (_length, _records) = (0, 0);
        return 1;
    }

    public void Dispose() => _insert.Dispose();

    private void Insert(long offset, int records, long time, ReadOnlySpan<byte> body) =>
        _insert.Bind(1, offset).Bind(2, records).Bind(3, time).Bind(4, Crc32C.Compute(body)).Bind(5, body).Run();
}
