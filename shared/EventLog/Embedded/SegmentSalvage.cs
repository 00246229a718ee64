namespace Monitoring.EventLog.Embedded;

/// <summary>
/// Saves what can be read of a damaged newest segment (a power cut with durability <c>process</c>, a disk that lost pages): the damaged file is kept as
/// <c>.damaged</c>, and a sound one takes its place with the records up to the first unreadable one of each partition.
/// </summary>
internal static class SegmentSalvage
{
    /// <summary>Returns the sound segment and how many records it holds, or null when nothing could be read.</summary>
    public static (Segment Segment, long Records)? Run(string directory, long firstId, long lastId, int partitions, LogDurability durability)
    {
        var path = Path.Combine(directory, Segment.FileName(firstId, lastId));
        var damaged = path + ".damaged";
        foreach (var suffix in new[] { "", "-wal", "-shm" })
        {
            if (File.Exists(path + suffix))
            {
                File.Move(path + suffix, damaged + suffix, overwrite: true);
            }
        }

        Segment? old;
        try
        {
            old = Segment.Load(directory, firstId, lastId, partitions, Path.GetFileName(damaged));
        }
        catch (EventLogException)
        {
            old = null;
        }

        if (old is null)
        {
            return null;
        }

        var (segment, database) = Segment.Create(directory, firstId, lastId, old.Created, old.Bases, old.Times, durability);
        var records = 0L;
        using (database)
        {
            for (var p = 0; p < partitions; p++)
            {
                database.Execute("BEGIN IMMEDIATE");
                using (var insert = database.Prepare($"INSERT INTO p{p}(offset, time, body) VALUES(?,?,?)"))
                {
                    try
                    {
                        using var source = SqliteDatabase.Open(damaged, SqliteDatabase.Mode.ReadOnly);
                        using var rows = source.Prepare($"SELECT offset, time, body FROM p{p} ORDER BY offset");
                        while (rows.Step())
                        {
                            insert.Bind(1, rows.Int64(0)).Bind(2, rows.Int64(1)).Bind(3, rows.Blob(2)).Run();
                            records++;
                        }
                    }
                    catch (DamagedSegmentException)
                    {
                        // What comes after an unreadable record is not taken: a prefix has no gaps.
                    }
                }

                database.Execute("COMMIT");
            }
        }

        return (segment, records);
    }
}
