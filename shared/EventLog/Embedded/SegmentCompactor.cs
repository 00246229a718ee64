namespace Monitoring.EventLog.Embedded;

/// <summary>
/// Merges all closed segments of a compacted topic into one that holds the newest record of each key, unless a newer one is in the active segment.
/// The rename of the finished file is the commit: before it the old files count, after it the new one does.
/// </summary>
internal static class SegmentCompactor
{
    private const int PageRows = 64;

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
                Scan(segment, p, (offset, _, framed) => newest[p].GetAlternateLookup<ReadOnlySpan<byte>>()[RecordCodec.KeyOf(framed[RecordBlock.Frame..])] = offset);
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
                using (var rows = new RowWriter(database, p))
                {
                    var lookup = newest[p].GetAlternateLookup<ReadOnlySpan<byte>>();
                    foreach (var segment in closed)
                    {
                        Scan(segment, p, (offset, time, framed) =>
                        {
                            var body = framed[RecordBlock.Frame..];
                            if (lookup[RecordCodec.KeyOf(body)] != offset || (time < dropTombstonesBefore && RecordCodec.IsTombstone(body)))
                            {
                                removed++;
                                return;
                            }

                            rows.Add(offset, time, framed, 1);
                        });
                    }

                    rows.Flush();
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
        using var rows = new RowReader(database, partition);
        var from = 0L;
        int read;
        do
        {
            read = 0;
            rows.Seek(from, long.MaxValue);
            while (read < PageRows && rows.Step())
            {
                Visit(rows, visit);
                from = rows.Offset + rows.Records;
                read++;
            }

            rows.Reset();
        }
        while (read == PageRows);
    }

    private static void Visit(RowReader row, RecordVisitor visit)
    {
        var body = row.Body();
        var at = 0;
        for (var i = 0; i < row.Records; i++)
        {
            var start = at;
            if (RecordBlock.Step(body, ref at) < 0)
            {
                throw row.Damage();
            }

            visit(row.Offset + i, row.Time, body[start..at]);
        }
    }

    /// <summary>A record with its frame.</summary>
    private delegate void RecordVisitor(long offset, long time, ReadOnlySpan<byte> framed);
}
