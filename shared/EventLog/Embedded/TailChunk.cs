namespace Monitoring.EventLog.Embedded;

/// <summary>Records of one partition from one commit, kept in memory and decoded once for all groups.</summary>
internal sealed class TailChunk(PartitionLog partition, long firstOffset, long time, ReadOnlyMemory<byte>[] bodies, int bytes)
{
    private LogEntry[]? _entries;

    public PartitionLog Partition { get; } = partition;

    public long FirstOffset { get; } = firstOffset;

    public long NextOffset => FirstOffset + bodies.Length;

    public int Count => bodies.Length;

    public int Bytes { get; } = bytes;

    public LogEntry[] Entries(RecordCodec codec)
    {
        if (Volatile.Read(ref _entries) is { } known)
        {
            return known;
        }

        lock (bodies)
        {
            if (_entries is null)
            {
                var entries = new LogEntry[bodies.Length];
                for (var i = 0; i < entries.Length; i++)
                {
                    entries[i] = codec.Decode(Partition.Topic.Name, Partition.Index, FirstOffset + i, time, bodies[i]);
                }

                Volatile.Write(ref _entries, entries);
            }

            return _entries;
        }
    }
}
