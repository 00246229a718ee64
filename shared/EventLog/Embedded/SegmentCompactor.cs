namespace Monitoring.EventLog.Embedded;

/// <summary>
/// Merges all closed segments of a compacted topic into one that holds the newest record of each key, unless a newer one is in the active segment.
/// The rename of the finished file is the commit: before it the old files count, after it the new one does.
/// </summary>
internal static class SegmentCompactor
{
    private const int PageRows = 1024;

    /// <summary>Whether enough has been appended since the last merge to be worth it: half of what that left, and at least two files.</summary>
    public static bool IsWorthwhile(Segment[] segments)
    {
        if (segments.Length < 3)
        {
            return false;
        }

        var merged = segments[0].FirstId < segments[0].LastId ? segments[0].Bytes : 0;
        var dirty = segments[..^1].Sum(s => s.Bytes) - merged;
        return dirty >= merged / 2;
    }

    /// <summary>Compacts; returns how many records were removed.</summary>
    public static long Compact(TopicLog topic, long dropTombstonesBefore)
    {
        var segments = topic.Segments;
        var closed = segments[..^1];
        var newest = new Dictionary<byte[], long>[topic.Partitions.Length];
        for (var p = 0; p < newest.Length; p++)
        {
            newest[p] = new Dictionary<byte[], long>(KeyComparer.Instance);
            foreach (var segment in segments)
            {
                Scan(segment, p, (offset, _, body) => newest[p].GetAlternateLookup<ReadOnlySpan<byte>>()[RecordCodec.KeyOf(body)] = offset);
            }
        }

        var temporary = Path.Combine(topic.Directory, "merge.tmp");
        foreach (var leftover in Directory.GetFiles(topic.Directory, "merge.tmp*"))
        {
            File.Delete(leftover);
        }

        var (merged, database) = Segment.Create(topic.Directory, closed[0].FirstId, closed[^1].LastId, closed[0].Created, closed[0].Bases, closed[0].Times, LogDurability.Power, temporary);
        var removed = 0L;
        using (database)
        {
            for (var p = 0; p < newest.Length; p++)
            {
                database.Execute("BEGIN IMMEDIATE");
                using (var insert = database.Prepare($"INSERT INTO p{p}(offset, time, body) VALUES(?,?,?)"))
                {
                    var lookup = newest[p].GetAlternateLookup<ReadOnlySpan<byte>>();
                    foreach (var segment in closed)
                    {
                        Scan(segment, p, (offset, time, body) =>
                        {
                            if (lookup[RecordCodec.KeyOf(body)] != offset || (time < dropTombstonesBefore && RecordCodec.IsTombstone(body)))
                            {
                                removed++;
                                return;
                            }

                            insert.Bind(1, offset).Bind(2, time).Bind(3, body).Run();
                        });
                    }
                }

                database.Execute("COMMIT");
                database.Checkpoint(truncate: true);
            }
        }

        File.Move(temporary, merged.Path);
        topic.ReplaceOldest(closed.Length, merged);
        foreach (var segment in closed)
        {
            segment.Delete();
        }

        return removed;
    }

    /// <summary>In pages, so that no read transaction keeps the active segment's write-ahead log from being reused.</summary>
    private static void Scan(Segment segment, int partition, RecordVisitor visit)
    {
        using var database = SqliteDatabase.Open(segment.Path, SqliteDatabase.Mode.ReadOnly);
        using var select = database.Prepare($"SELECT offset, time, body FROM p{partition} WHERE offset >= ? ORDER BY offset LIMIT {PageRows}");
        var from = 0L;
        int rows;
        do
        {
            rows = 0;
            select.Bind(1, from);
            while (select.Step())
            {
                visit(select.Int64(0), select.Int64(1), select.Blob(2));
                from = select.Int64(0) + 1;
                rows++;
            }
        }
        while (rows == PageRows);
    }

    private delegate void RecordVisitor(long offset, long time, ReadOnlySpan<byte> body);
}
