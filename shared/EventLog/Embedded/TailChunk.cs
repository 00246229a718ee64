namespace Monitoring.EventLog.Embedded;

/// <summary>Records of one partition from one commit, kept in memory and decoded once for all groups.</summary>
internal sealed class TailChunk(PartitionLog partition, long firstOffset, long time, RecordBlock[] blocks, int count, int bytes)
{
    private LogEntry[]? _entries;

    public PartitionLog Partition { get; } = partition;

    public long FirstOffset { get; } = firstOffset;

    public long NextOffset => FirstOffset + count;

    public int Bytes { get; } = bytes;

    public LogEntry[] Entries(RecordCodec codec)
    {
        if (Volatile.Read(ref _entries) is { } known)
        {
            return known;
        }

        lock (blocks)
        {
            if (_entries is null)
            {
                var entries = new LogEntry[count];
                var i = 0;
                foreach (var block in blocks)
                {
                    var at = 0;
                    for (var n = 0; n < block.Count; n++, i++)
                    {
                        var start = at + RecordBlock.Frame;
                        var length = RecordBlock.Step(block.Bytes, ref at);
                        entries[i] = codec.Decode(Partition.Topic.Name, Partition.Index, FirstOffset + i, time, new ReadOnlyMemory<byte>(block.Buffer, block.Start + start, length));
                    }
                }

                Volatile.Write(ref _entries, entries);
            }

            return _entries;
        }
    }
}
