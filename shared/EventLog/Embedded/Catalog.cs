using System.Collections.Concurrent;

namespace Monitoring.EventLog.Embedded;

/// <summary>Topics and group offsets, in <c>log.db</c>. Changed by the writer thread only, in transactions; read from memory.</summary>
internal sealed class Catalog : IDisposable
{
    private readonly SqliteDatabase _database;
    private readonly ConcurrentDictionary<(string Group, string Topic, int Partition), GroupPosition> _positions = new();
    private readonly Dictionary<(string Group, string Topic, int Partition), GroupPosition> _changed = [];
    private SqliteStatement? _store;

    private Catalog(SqliteDatabase database) => _database = database;

    public static Catalog Open(string path, EmbeddedEventLogOptions options)
    {
        var database = SqliteDatabase.Open(path, options.ReadOnly ? SqliteDatabase.Mode.ReadOnly : SqliteDatabase.Mode.ReadWriteCreate);
        var catalog = new Catalog(database);
        try
        {
            if (!options.ReadOnly)
            {
                database.Execute("PRAGMA journal_mode=WAL");
                database.Execute(options.Durability == LogDurability.Power ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
                database.Execute("CREATE TABLE IF NOT EXISTS topics(name TEXT PRIMARY KEY, partitions INTEGER NOT NULL, max_age INTEGER, max_bytes INTEGER, compacted INTEGER NOT NULL) WITHOUT ROWID");
                database.Execute("CREATE TABLE IF NOT EXISTS positions(grp TEXT, topic TEXT, partition INTEGER, next INTEGER, epoch INTEGER NOT NULL, PRIMARY KEY(grp, topic, partition)) WITHOUT ROWID");
                catalog._store = database.Prepare("INSERT OR REPLACE INTO positions(grp, topic, partition, next, epoch) VALUES(?,?,?,?,?)");
            }

            catalog.LoadPositions();
            return catalog;
        }
        catch
        {
            catalog.Dispose();
            throw;
        }
    }

    public IEnumerable<(string Group, string Topic, int Partition, GroupPosition Position)> Positions =>
        _positions.Select(p => (p.Key.Group, p.Key.Topic, p.Key.Partition, p.Value));

    public GroupPosition Position(string group, string topic, int partition) => _positions.GetValueOrDefault((group, topic, partition));

    public List<TopicDefinition> LoadTopics()
    {
        var topics = new List<TopicDefinition>();
        using var rows = _database.Prepare("SELECT name, partitions, max_age, max_bytes, compacted FROM topics");
        while (rows.Step())
        {
            topics.Add(new TopicDefinition(
                rows.Text(0),
                (int)rows.Int64(1),
                rows.IsNull(2) ? null : TimeSpan.FromTicks(rows.Int64(2)),
                rows.IsNull(3) ? null : rows.Int64(3),
                rows.Int64(4) != 0));
        }

        return topics;
    }

    public void StoreTopic(TopicDefinition topic)
    {
        using var store = _database.Prepare("INSERT OR REPLACE INTO topics VALUES(?,?,?,?,?)");
        store.Bind(1, topic.Name).Bind(2, topic.Partitions).Bind(3, topic.MaxAge?.Ticks).Bind(4, topic.MaxBytes).Bind(5, topic.Compacted ? 1 : 0).Run();
    }

    /// <summary>Stores a position in the open transaction.</summary>
    public void StorePosition(string group, string topic, int partition, Func<GroupPosition, GroupPosition> change)
    {
        var key = (group, topic, partition);
        var position = change(_changed.TryGetValue(key, out var pending) ? pending : _positions.GetValueOrDefault(key));
        _store!.Bind(1, group).Bind(2, topic).Bind(3, partition).Bind(4, position.Next).Bind(5, position.Epoch).Run();
        _changed[key] = position;
    }

    public void Begin() => _database.Execute("BEGIN IMMEDIATE");

    public void Commit()
    {
        _database.Execute("COMMIT");
        foreach (var (key, position) in _changed)
        {
            _positions[key] = position;
        }

        _changed.Clear();
    }

    public void Rollback()
    {
        _changed.Clear();
        try
        {
            _database.Execute("ROLLBACK");
        }
        catch (EventLogException)
        {
            // SQLite has rolled back by itself, as it does on a full disk.
        }
    }

    public void Dispose()
    {
        _store?.Dispose();
        _database.Dispose();
    }

    private void LoadPositions()
    {
        using var rows = _database.Prepare("SELECT grp, topic, partition, next, epoch FROM positions");
        while (rows.Step())
        {
            _positions[(rows.Text(0), rows.Text(1), (int)rows.Int64(2))] = new GroupPosition(rows.IsNull(3) ? null : rows.Int64(3), rows.Int64(4));
        }
    }
}
