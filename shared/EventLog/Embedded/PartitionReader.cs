namespace Monitoring.EventLog.Embedded;

/// <summary>
/// Reads one partition forwards: from memory at the tail, else in pages from the segment files. A page is one short read
/// transaction; nothing stays open between calls but an idle connection. Used by one caller at a time. What retention has removed is
/// skipped, but never for a group: that gets an <see cref="OffsetOutOfRangeException"/>.
/// </summary>
internal sealed class PartitionReader(TopicLog topic, PartitionLog partition, RecordCodec codec, string? group = null) : IDisposable
{
    private const int PageBytes = 1024 * 1024;

    private Segment? _segment;
    private SqliteDatabase? _database;
    private SqliteStatement? _select;

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
                _select!.Bind(1, middle).Bind(2, end).Bind(3, 1);
                if (_select.Step() && _select.Int64(1) < time)
                {
                    low = _select.Int64(0) + 1;
                }
                else
                {
                    high = middle;
                }

                _select.Reset();
            }

            _select!.Bind(1, low).Bind(2, end).Bind(3, 1);
            var found = _select.Step() ? _select.Int64(0) : (long?)null;
            _select.Reset();
            if (found is { } offset)
            {
                return offset;
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
            _select!.Bind(1, offset).Bind(2, long.MaxValue).Bind(3, 1);
            var time = _select.Step() ? _select.Int64(1) : (long?)null;
            _select.Reset();
            if (time is not null)
            {
                return time;
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
        _select!.Bind(1, from).Bind(2, to).Bind(3, max);
        try
        {
            var bytes = 0;
            while (bytes < PageBytes && _select.Step())
            {
                var body = _select.Blob(2).ToArray();
                bytes += body.Length;
                page.Add(codec.Decode(topic.Name, partition.Index, _select.Int64(0), _select.Int64(1), body));
            }
        }
        finally
        {
            _select.Reset();
        }

        return page;
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
            _select = _database.Prepare($"SELECT offset, time, body FROM p{partition.Index} WHERE offset >= ? AND offset < ? ORDER BY offset LIMIT ?");
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
        _select?.Dispose();
        _database?.Dispose();
        _select = null;
        _database = null;
        _segment = null;
    }
}
