namespace Monitoring.EventLog.Embedded;

/// <summary>Measures how far a group is behind.</summary>
internal static class LagMeter
{
    public static GroupLag Measure(EmbeddedEventLog log, GroupCoordinator group, PartitionLog partition)
    {
        var topic = group.Topic;
        var position = group.Position(partition.Index);
        var records = Math.Max(0, partition.Next - position);
        if (records == 0 || AppendTime(log, topic, partition, position) is not { } time)
        {
            return new GroupLag(group.Group, topic.Name, partition.Index, records, 0, null);
        }

        var age = Math.Max(0, ((log.Time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks - (time / 100)) / (double)TimeSpan.TicksPerSecond);
        return new GroupLag(group.Group, topic.Name, partition.Index, records, age, TimeToRetention(topic, partition, position, age));
    }

    /// <summary>By age exactly; by size at the rate at which the log has grown since that record. The nearer of the two.</summary>
    private static double? TimeToRetention(TopicLog topic, PartitionLog partition, long position, double age)
    {
        double? result = topic.Definition.MaxAge is { } maxAge ? Math.Max(0, maxAge.TotalSeconds - age) : null;
        if (topic.Definition.MaxBytes is { } maxBytes)
        {
            var segments = topic.Segments;
            var newer = segments.Where((_, i) => topic.End(segments, i, partition.Index) > position).Sum(s => s.Bytes);
            var room = Math.Max(0, (maxBytes * topic.Partitions.Length) - newer);
            var bytesPerSecond = newer / Math.Max(1, age);
            if (bytesPerSecond > 0)
            {
                result = Math.Min(result ?? double.MaxValue, room / bytesPerSecond);
            }
        }

        return result;
    }

    private static long? AppendTime(EmbeddedEventLog log, TopicLog topic, PartitionLog partition, long position)
    {
        try
        {
            using var reader = new PartitionReader(topic, partition, log.Codec);
            return reader.AppendTime(position);
        }
        catch (EventLogException)
        {
            // Retired or locked just now: the next collection will tell.
            return null;
        }
    }
}
