using System.Globalization;

namespace Monitoring.EventLog.Embedded;

/// <summary>
/// One file of a topic: <c>FIRST.db</c>, or <c>FIRST-LAST.db</c> once compaction has merged several. It holds a table
/// <c>pN(offset, records, time, crc, body)</c> per partition and, in <c>bases</c>, the offset at which each partition stood when it was made. A row of
/// <c>pN</c> holds records with consecutive offsets and one append time (<see cref="RecordBlock"/>) under the offset of the first, with their CRC-32C.
/// </summary>
internal sealed class Segment
{
    /// <summary>
    /// Rows are appended in key order; big pages keep the tree flat, and every page is three system calls and a new page of the file: written to the write-ahead log, read
    /// and written back. Larger ones still would cost less for full rows, but a commit of one small record logs whole pages.
    /// </summary>
    public const int PageSize = 32768;

    /// <summary>Layout of the tables, as <c>user_version</c>.</summary>
    private const int Layout = 2;

    private Segment(string directory, long firstId, long lastId, long created, long[] bases, long[] times)
    {
        FirstId = firstId;
        LastId = lastId;
        Path = System.IO.Path.Combine(directory, FileName(firstId, lastId));
        Created = created;
        Bases = bases;
        Times = times;
    }

    public long FirstId { get; }

    public long LastId { get; }

    public string Path { get; }

    /// <summary>A rollback journal: beside a segment only while it is made.</summary>
    private const string Journal = "-journal";

    /// <summary>When it was made, in nanoseconds since the epoch.</summary>
    public long Created { get; }

    /// <summary>Per partition: the offset of its next record when the segment was made.</summary>
    public long[] Bases { get; }

    /// <summary>Per partition: the newest append time before the segment was made.</summary>
    public long[] Times { get; }

    public string WalPath => Path + "-wal";

    /// <summary>Bytes on disk.</summary>
    public long Bytes => Length(Path) + Length(WalPath);

    public static string FileName(long firstId, long lastId) => firstId == lastId
        ? firstId.ToString("D10", CultureInfo.InvariantCulture) + ".db"
        : string.Create(CultureInfo.InvariantCulture, $"{firstId:D10}-{lastId:D10}.db");

    /// <summary>Segment numbers from a file name, or null when it is not a segment's.</summary>
    public static (long First, long Last)? ParseFileName(string name)
    {
        if (!name.EndsWith(".db", StringComparison.Ordinal))
        {
            return null;
        }

        var parts = name[..^3].Split('-');
        return parts.Length <= 2
            && long.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var first)
            && long.TryParse(parts[^1], NumberStyles.None, CultureInfo.InvariantCulture, out var last)
            && last >= first ? (first, last) : null;
    }

    /// <summary>Makes the file and its tables. A crash on the way leaves a file without <c>bases</c>, which the next start removes.</summary>
    public static (Segment Segment, SqliteDatabase Database) Create(string directory, long firstId, long lastId, long created, long[] bases, long[] times, LogDurability durability, string? fileName = null)
    {
        var segment = new Segment(directory, firstId, lastId, created, bases, times);
        var database = SqliteDatabase.Open(fileName ?? segment.Path, SqliteDatabase.Mode.ReadWriteCreate);
        try
        {
            database.Execute($"PRAGMA page_size={PageSize}");
            Configure(database, durability);
            database.Execute("BEGIN IMMEDIATE");
            for (var p = 0; p < bases.Length; p++)
            {
                database.Execute($"CREATE TABLE p{p}(offset INTEGER PRIMARY KEY, records INTEGER NOT NULL, time INTEGER NOT NULL, crc INTEGER NOT NULL, body BLOB NOT NULL)");
            }

            database.Execute("CREATE TABLE bases(partition INTEGER PRIMARY KEY, offset INTEGER NOT NULL, time INTEGER NOT NULL, created INTEGER NOT NULL)");
            using (var insert = database.Prepare("INSERT INTO bases VALUES(?,?,?,?)"))
            {
                for (var p = 0; p < bases.Length; p++)
                {
                    insert.Bind(1, p).Bind(2, bases[p]).Bind(3, times[p]).Bind(4, created).Run();
                }
            }

            database.Execute($"PRAGMA user_version={Layout}");
            database.Execute("COMMIT");
            return (segment, database);
        }
        catch
        {
            database.Dispose();
            throw;
        }
    }

    /// <summary>Reads what an existing file says about itself; null when its making was interrupted.</summary>
    /// <exception cref="EventLogException">Another version of this program wrote it in another layout.</exception>
    public static Segment? Load(string directory, long firstId, long lastId, int partitions, string? fileName = null)
    {
        var path = System.IO.Path.Combine(directory, fileName ?? FileName(firstId, lastId));
        if (File.Exists(path + Journal))
        {
            // Killed while the empty file was changed to write-ahead logging, before it had tables. SQLite would roll it back, but not for a reader: that one
            // is told "attempt to write a readonly database".
            return null;
        }

        using var database = SqliteDatabase.Open(path, SqliteDatabase.Mode.ReadOnly);
        if (database.Scalar("SELECT count(*) FROM sqlite_master WHERE name='bases'") != 1)
        {
            return null;
        }

        if (database.Scalar("PRAGMA user_version") is var layout && layout != Layout)
        {
            throw new EventLogException(
                $"{path}: layout {layout} of the event log, written by another version; this one reads layout {Layout}. Move the folder of the log away and start with an empty one, or go on with the version that wrote it",
                isTransient: false);
        }

        var bases = new long[partitions];
        var times = new long[partitions];
        var created = 0L;
        using var rows = database.Prepare("SELECT partition, offset, time, created FROM bases");
        while (rows.Step())
        {
            bases[rows.Int64(0)] = rows.Int64(1);
            times[rows.Int64(0)] = rows.Int64(2);
            created = rows.Int64(3);
        }

        return new Segment(directory, firstId, lastId, created, bases, times);
    }

    /// <summary>Opens the file for appending.</summary>
    public SqliteDatabase OpenForAppend(LogDurability durability)
    {
        var database = SqliteDatabase.Open(Path, SqliteDatabase.Mode.ReadWriteCreate);
        Configure(database, durability);
        return database;
    }

    /// <summary>Removes the file. Readers that have it open can go on.</summary>
    public void Delete() => Delete(Path);

    public static void Delete(string path)
    {
        File.Delete(path);
        File.Delete(path + "-wal");
        File.Delete(path + "-shm");
        File.Delete(path + Journal);
    }

    private static void Configure(SqliteDatabase database, LogDurability durability)
    {
        database.Execute("PRAGMA journal_mode=WAL");
        database.Execute(durability == LogDurability.Power ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
        database.Execute("PRAGMA wal_autocheckpoint=0");
        database.Execute("PRAGMA journal_size_limit=16777216");
    }

    private static long Length(string path)
    {
        var file = new FileInfo(path);
        return file.Exists ? file.Length : 0;
    }
}
