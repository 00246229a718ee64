using System.Globalization;

namespace Monitoring.TestKit.Kafka;

/// <summary>The settings of a topic: their names, defaults and legal values as in Kafka 4.</summary>
internal sealed class TopicSettings
{
    private static readonly Dictionary<string, (string Default, Func<string, bool> IsLegal)> s_known = new(StringComparer.Ordinal)
    {
        ["cleanup.policy"] = ("delete", v => v.Split(',').All(p => p.Trim() is "compact" or "delete")),
        ["compression.type"] = ("producer", v => v is "producer" or "uncompressed" or "gzip" or "snappy" or "lz4" or "zstd"),
        ["delete.retention.ms"] = ("86400000", v => Number(v, 0)),
        ["file.delete.delay.ms"] = ("60000", v => Number(v, 0)),
        ["flush.messages"] = ("9223372036854775807", v => Number(v, 1)),
        ["flush.ms"] = ("9223372036854775807", v => Number(v, 0)),
        ["index.interval.bytes"] = ("4096", v => Number(v, 0, int.MaxValue)),
        ["max.compaction.lag.ms"] = ("9223372036854775807", v => Number(v, 1)),
        ["max.message.bytes"] = ("1048588", v => Number(v, 0, int.MaxValue)),
        ["message.timestamp.after.max.ms"] = ("3600000", v => Number(v, 0)),
        ["message.timestamp.before.max.ms"] = ("9223372036854775807", v => Number(v, 0)),
        ["message.timestamp.type"] = ("CreateTime", v => v is "CreateTime" or "LogAppendTime"),
        ["min.cleanable.dirty.ratio"] = ("0.5", v => double.TryParse(v, CultureInfo.InvariantCulture, out var ratio) && ratio is >= 0 and <= 1),
        ["min.compaction.lag.ms"] = ("0", v => Number(v, 0)),
        ["min.insync.replicas"] = ("1", v => Number(v, 1, int.MaxValue)),
        ["preallocate"] = ("false", v => v is "true" or "false"),
        ["retention.bytes"] = ("-1", v => Number(v, long.MinValue)),
        ["retention.ms"] = ("604800000", v => Number(v, -1)),
        ["segment.bytes"] = ("1073741824", v => Number(v, 1024 * 1024, int.MaxValue)),
        ["segment.index.bytes"] = ("10485760", v => Number(v, 4, int.MaxValue)),
        ["segment.jitter.ms"] = ("0", v => Number(v, 0)),
        ["segment.ms"] = ("604800000", v => Number(v, 1)),
        ["unclean.leader.election.enable"] = ("false", v => v is "true" or "false"),
    };

    private readonly Dictionary<string, string> _set = new(StringComparer.Ordinal);

    public bool IsCompacted => this["cleanup.policy"].Contains("compact", StringComparison.Ordinal);

    public bool Deletes => this["cleanup.policy"].Contains("delete", StringComparison.Ordinal);

    public bool HasAppendTime => this["message.timestamp.type"] == "LogAppendTime";

    public static IReadOnlyCollection<string> Names => s_known.Keys;

    public string this[string name] => _set.GetValueOrDefault(name) ?? s_known[name].Default;

    public bool IsSet(string name) => _set.ContainsKey(name);

    public long Number(string name) => long.Parse(this[name], CultureInfo.InvariantCulture);

    /// <summary>Sets it, or takes it back with null. Returns what is wrong with it.</summary>
    public string? Set(string name, string? value)
    {
        if (!s_known.TryGetValue(name, out var known))
        {
            return $"Unknown topic config name: {name}";
        }

        if (value is null)
        {
            _set.Remove(name);
            return null;
        }

        if (!known.IsLegal(value))
        {
            return $"Invalid value {value} for configuration {name}";
        }

        _set[name] = value;
        return null;
    }

    public TopicSettings Copy()
    {
        var copy = new TopicSettings();
        foreach (var (name, value) in _set)
        {
            copy._set[name] = value;
        }

        return copy;
    }

    private static bool Number(string text, long least, long most = long.MaxValue) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most;
}
