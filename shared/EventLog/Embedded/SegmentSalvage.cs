namespace Monitoring.EventLog.Embedded;

/// <summary>
/// Saves what can be read of a damaged newest segment (a power cut with durability <c>process</c>, a disk that lost pages): the damaged file is kept as
/// <c>.damaged</c>, and a sound one takes its place with the records up to the first unreadable row of each partition.
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
                using (var rows = new RowWriter(database, p))
                {
                    try
                    {
                        using var source = SqliteDatabase.Open(damaged, SqliteDatabase.Mode.ReadOnly);
                        using var readable = new RowReader(source, p);
                        readable.Seek(0, long.MaxValue);
                        while (readable.Step())
                        {
                            rows.Add(readable.Offset, readable.Time, readable.Body(), readable.Records);
                            records += readable.Records;
                        }
                    }
                    catch (DamagedSegmentException)
                    {
                        // What comes after an unreadable row is not taken: a prefix has no gaps.
                    }

                    rows.Flush();
                }

                database.Execute("COMMIT");
            }
        }

        return (segment, records);
    }
}
