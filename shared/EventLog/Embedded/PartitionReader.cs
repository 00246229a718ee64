namespace Monitoring.EventLog.Embedded;

/// <summary>
/// Reads one partition forwards: from memory at the tail, else in pages from the segment files. A page is one short read
/// transaction; nothing stays open between calls but an idle connection. Used by one caller at a time. What retention has removed is
/// skipped, but never for a group: that gets an <see cref="OffsetOutOfRangeException"/>.
/// </summary>
internal sealed class PartitionReader(TopicLog topic, PartitionLog partition, RecordCodec codec, string? group = null) : IDisposable
{
    private const int PageBytes = 1024 * 1024;

    /// <summary>Of a group, whose processor says how many records it can take (<see cref="HandOverSize"/>): small records, of many models, come in tens of thousands.</summary>
    private const int GroupPageBytes = 8 * 1024 * 1024;

    private Segment? _segment;
    private SqliteDatabase? _database;
    private RowReader? _rows;

    /// <summary>The row read last, of which more may be asked for.</summary>
    private byte[] _row = [];
    private long _rowOffset;
    private int _rowRecords;
    private long _rowTime;
    private int _rowAt;
    private int _rowTaken;

    /// <summary>
    /// The next batch, from memory or disk, of records with <paramref name="position"/> ≤ offset &lt; <paramref name="limit"/>, and moves
    /// the position behind it; over offsets that compaction left empty, too. Null when there is none (yet).
    /// </summary>
    public IReadOnlyList<LogEntry>? Read(ref long position, long limit, int max)
    {
        while (true)
        {
            var end = Math.Min(limit, partition.Next);
            if (position >= end)
            {
                return null;
            }

            var segments = topic.Segments;
            var start = segments is [var oldest, ..] ? oldest.Bases[partition.Index] : end;
            if (position < start)
            {
                position = group is null ? start : throw new OffsetOutOfRangeException(group, topic.Name, partition.Index, position, new OffsetRange(start, partition.Next));
                continue;
            }

            if (partition.ReadTail(codec, position, end, max) is { } recent)
            {
                Close();
                position = recent[^1].Offset + 1;
                return recent;
            }

            var index = FindSegment(segments, position);
            var segmentEnd = Math.Min(end, topic.End(segments, index, partition.Index));
            List<LogEntry> page;
            try
            {
                Open(segments[index]);
                page = ReadPage(Math.Max(position, segments[index].Bases[partition.Index]), segmentEnd, max);
            }
            catch (EventLogException) when (topic.Segments != segments)
            {
                // Retired or merged between the look and the opening.
                Close();
                continue;
            }

            if (page.Count > 0)
            {
                position = page[^1].Offset + 1;
                return page;
            }

            position = segmentEnd;
        }
    }

    /// <summary>Offset of the first record at or after <paramref name="time"/>, or the end. Append time is monotone: a binary search over the offsets.</summary>
    public long Find(long time)
    {
        var segments = topic.Segments;
        for (var i = 0; i < segments.Length; i++)
        {
            var newest = i + 1 < segments.Length ? segments[i + 1].Times[partition.Index] : long.MaxValue;
            if (newest < time)
            {
                continue;
            }

            Open(segments[i]);
            var low = segments[i].Bases[partition.Index];
            var end = topic.End(segments, i, partition.Index);
            var high = end;
            while (low < high)
            {
                var middle = low + ((high - low) / 2);
                if (_rows!.Find(middle, end) is { } row && row.Time < time)
                {
                    low = row.Offset + row.Records;
                }
                else
                {
                    high = middle;
                }
            }

            // A row has one time, so the first record of it that counts is its first.
            if (_rows!.Find(low, end) is { } found)
            {
                return Math.Max(low, found.Offset);
            }
        }

        return partition.Next;
    }

    /// <summary>Append time of the first record at or after <paramref name="offset"/>, or null when there is none.</summary>
    public long? AppendTime(long offset)
    {
        var segments = topic.Segments;
        for (var i = FindSegment(segments, offset); i >= 0 && i < segments.Length; i++)
        {
            Open(segments[i]);
            if (_rows!.Find(offset, long.MaxValue) is { } row)
            {
                return row.Time;
            }
        }

        return null;
    }

    public void Dispose() => Close();

    private int FindSegment(Segment[] segments, long position)
    {
        var index = segments.Length - 1;
        while (index > 0 && segments[index].Bases[partition.Index] > position)
        {
            index--;
        }

        return index;
    }

    private List<LogEntry> ReadPage(long from, long to, int max)
    {
        var page = new List<LogEntry>(Math.Min(max, 256));
        if (from >= _rowOffset && from < _rowOffset + _rowRecords)
        {
            from = Take(page, from, to, max);
        }

        if (from >= to || page.Count >= max)
        {
            return page;
        }

        _rows!.Seek(from, to);
        try
        {
            var bytes = 0;
            while (bytes < (group is null ? PageBytes : GroupPageBytes) && page.Count < max && _rows.Step())
            {
                _row = _rows.Body().ToArray();
                (_rowOffset, _rowRecords, _rowTime, _rowAt, _rowTaken) = (_rows.Offset, _rows.Records, _rows.Time, 0, 0);
                bytes += _row.Length;
                from = Take(page, Math.Max(from, _rowOffset), to, max);
            }
        }
        finally
        {
            _rows.Reset();
        }

        return page;
    }

    /// <summary>Records of the row read last from <paramref name="from"/> on; returns the offset behind the last one taken.</summary>
    private long Take(List<LogEntry> page, long from, long to, int max)
    {
        if (from < _rowOffset + _rowTaken)
        {
            (_rowAt, _rowTaken) = (0, 0);
        }

        while (_rowTaken < _rowRecords && page.Count < max && _rowOffset + _rowTaken < to)
        {
            var start = _rowAt + RecordBlock.Frame;
            var length = RecordBlock.Step(_row, ref _rowAt);
            if (length < 0)
            {
                throw new DamagedSegmentException($"{_segment!.Path}: the records of partition {partition.Index} from offset {_rowOffset} on are damaged");
            }

            var offset = _rowOffset + _rowTaken++;
            if (offset >= from)
            {
                page.Add(codec.Decode(topic.Name, partition.Index, offset, _rowTime, _row.AsMemory(start, length)));
            }
        }

        return _rowOffset + _rowTaken;
    }

    private void Open(Segment segment)
    {
        if (_segment == segment)
        {
            return;
        }

        Close();
        _database = SqliteDatabase.Open(segment.Path, SqliteDatabase.Mode.ReadOnly);
        try
        {
            _rows = new RowReader(_database, partition.Index);
        }
        catch
        {
            Close();
            throw;
        }

        _segment = segment;
    }

    private void Close()
    {
        _rows?.Dispose();
        _database?.Dispose();
        _rows = null;
        _row = [];
        _rowRecords = 0;
        _database = null;
        _segment = null;
    }
}
