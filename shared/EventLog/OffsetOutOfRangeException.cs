namespace Monitoring.EventLog;

/// <summary>
/// The requested offset is outside of what the log retains: below <see cref="Retained"/>.Start (retention took the records; the
/// gap must be accounted for before going on from there), or above <see cref="Retained"/>.End (the log was replaced or truncated).
/// </summary>
public sealed class OffsetOutOfRangeException : EventLogException
{
    public OffsetOutOfRangeException(string group, string topic, int partition, long offset, OffsetRange retained)
        : base(Describe(group, topic, partition, offset, retained), isTransient: false)
    {
        Topic = topic;
        Partition = partition;
        Offset = offset;
        Retained = retained;
    }

    public string Topic { get; }

    public int Partition { get; }

    /// <summary>The offset that was asked for.</summary>
    public long Offset { get; }

    /// <summary>What the log holds.</summary>
    public OffsetRange Retained { get; }

    private static string Describe(string group, string topic, int partition, long offset, OffsetRange retained) =>
        offset < retained.Start
            ? $"group '{group}' would resume {topic}/{partition} at offset {offset}, but retention has removed everything below {retained.Start}: {retained.Start - offset} offsets are lost"
            : $"group '{group}' would resume {topic}/{partition} at offset {offset}, beyond the log's end {retained.End}: the log is not the one that this state belongs to. " +
              "Restore the log, or remove the group's state topic and offsets to start anew";
}
