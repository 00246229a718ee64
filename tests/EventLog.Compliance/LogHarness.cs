using System.Text;

namespace Monitoring.EventLog.Compliance;

/// <summary>A log under test. What it cannot do is declared here, in one place; everything else must hold.</summary>
public abstract class LogHarness : IAsyncDisposable
{
    private readonly List<string> _topics = [];
    private readonly HashSet<string> _groups = new(StringComparer.Ordinal);

    /// <summary>Why a capability is missing, or null when it is there.</summary>
    public virtual string? WithoutTimeLookup => null;

    /// <summary>Name that no other run uses: a real broker keeps what earlier runs wrote.</summary>
    public string Run { get; } = Guid.NewGuid().ToString("N")[..12];

    public abstract IEventLog Log { get; }

    /// <summary>Another connection to the same log, as another member or process would have; the embedded log has one per process and returns that.</summary>
    public abstract ValueTask<IEventLog> ConnectAsync();

    /// <summary>Topics that were made, and groups that were named: a broker that others use is left as it was.</summary>
    protected IReadOnlyCollection<string> Topics => _topics;

    protected IReadOnlyCollection<string> Groups => _groups;

    /// <summary>A group with a name of its own: members that other tests left behind would be given partitions.</summary>
    public string Group(string name = "g")
    {
        var group = $"compliance.{Run}.{name}";
        _groups.Add(group);
        return group;
    }

    /// <summary>Makes a topic with a name of its own.</summary>
    public async Task<string> TopicAsync(int partitions = 1, TimeSpan? maxAge = null, long? maxBytes = null, bool compacted = false)
    {
        var name = $"compliance.{Run}.{_topics.Count}";
        await PrepareTopicAsync(name, partitions);
        await Log.EnsureTopicAsync(new TopicDefinition(name, partitions, maxAge, maxBytes, compacted));
        return name;
    }

    /// <summary>Makes the log's retention take everything below <paramref name="offset"/> (one partition).</summary>
    public abstract ValueTask RetireAsync(string topic, long offset);

    /// <summary>Makes compaction happen where the test can; else it happens when the broker finds time.</summary>
    public virtual ValueTask CompactAsync(string topic) => ValueTask.CompletedTask;

    public abstract ValueTask DisposeAsync();

    /// <summary>Does outside of the log what its implementation cannot do here.</summary>
    public virtual ValueTask PrepareTopicAsync(string name, int partitions)
    {
        _topics.Add(name);
        return ValueTask.CompletedTask;
    }

    public static LogRecord Record(string key, string value, int? partition = null) =>
        new(Encoding.UTF8.GetBytes(key), Encoding.UTF8.GetBytes(value), [], partition);

    public static string Text(ReadOnlyMemory<byte>? bytes) => Encoding.UTF8.GetString(bytes!.Value.Span);
}
