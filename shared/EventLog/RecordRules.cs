namespace Monitoring.EventLog;

/// <summary>What both logs demand of a record.</summary>
public static class RecordRules
{
    /// <summary>Throws <see cref="EventLogException"/> for a tombstone where nothing is compacted, and for a record without key where it is.</summary>
    public static void Check(TopicDefinition topic, LogRecord record)
    {
        if (record.Value is null && !topic.Compacted)
        {
            throw new EventLogException($"topic '{topic.Name}' is not compacted: a tombstone has no meaning in it", isTransient: false);
        }

        if (record.Key.IsEmpty && topic.Compacted)
        {
            throw new EventLogException($"topic '{topic.Name}' is compacted: a record needs a key", isTransient: false);
        }
    }
}
