using System.Buffers.Binary;

namespace Monitoring.EventLog.Embedded;

/// <summary>Encodes the records of one append for one partition into blocks.</summary>
/// <param name="partition">The partition.</param>
/// <param name="bytes">Bytes of all records to come, with their frames.</param>
internal sealed class BlockBuilder(int partition, int bytes)
{
    private readonly List<RecordBlock> _blocks = new((bytes / RecordBlock.MaxBytes) + 1);

    /// <summary>One array for all: kept for readers at the tail, it is not copied from generation to generation as many smaller ones are.</summary>
    private readonly byte[] _buffer = GC.AllocateUninitializedArray<byte>(bytes);
    private int _start;
    private int _at;
    private int _count;

    /// <summary>A record alone.</summary>
    public static RecordBlock Single(LogRecord record, int size)
    {
        var buffer = GC.AllocateUninitializedArray<byte>(RecordBlock.Frame + size);
        BinaryPrimitives.WriteInt32LittleEndian(buffer, size);
        RecordCodec.Encode(record, buffer.AsSpan(RecordBlock.Frame));
        return new RecordBlock(buffer, 0, buffer.Length, 1);
    }

    /// <summary>Adds a record whose encoded size is known.</summary>
    public void Add(LogRecord record, int size)
    {
        if (_at + RecordBlock.Frame + size - _start > RecordBlock.MaxBytes)
        {
            Close();
        }

        BinaryPrimitives.WriteInt32LittleEndian(_buffer.AsSpan(_at), size);
        RecordCodec.Encode(record, _buffer.AsSpan(_at + RecordBlock.Frame));
        _at += RecordBlock.Frame + size;
        _count++;
    }

    public PartitionBatch Build()
    {
        Close();
        return new PartitionBatch(partition, [.. _blocks]);
    }

    private void Close()
    {
        if (_count > 0)
        {
            _blocks.Add(new RecordBlock(_buffer, _start, _at - _start, _count));
        }

        (_start, _count) = (_at, 0);
    }
}
