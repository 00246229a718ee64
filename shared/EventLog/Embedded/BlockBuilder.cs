using System.Buffers.Binary;

namespace Monitoring.EventLog.Embedded;

/// <summary>Encodes the records of one append for one partition into blocks.</summary>
/// <param name="partition">The partition.</param>
/// <param name="bytes">Bytes of all records to come, with their frames.</param>
internal sealed class BlockBuilder(int partition, int bytes)
{
    private readonly List<RecordBlock> _blocks = new((bytes / RecordBlock.MaxBytes) + 1);
    private byte[] _buffer = [];
    private int _left = bytes;
    private int _at;
    private int _count;

    /// <summary>A record alone.</summary>
    public static RecordBlock Single(LogRecord record, int size)
    {
        var buffer = GC.AllocateUninitializedArray<byte>(RecordBlock.Frame + size);
        BinaryPrimitives.WriteInt32LittleEndian(buffer, size);
        RecordCodec.Encode(record, buffer.AsSpan(RecordBlock.Frame));
        return new RecordBlock(buffer, buffer.Length, 1);
    }

    /// <summary>Adds a record whose encoded size is known.</summary>
    public void Add(LogRecord record, int size)
    {
        var framed = RecordBlock.Frame + size;
        if (framed > _buffer.Length - _at)
        {
            Close();
            _buffer = GC.AllocateUninitializedArray<byte>(Math.Max(framed, Math.Min(_left, RecordBlock.MaxBytes)));
        }

        BinaryPrimitives.WriteInt32LittleEndian(_buffer.AsSpan(_at), size);
        RecordCodec.Encode(record, _buffer.AsSpan(_at + RecordBlock.Frame));
        _at += framed;
        _left -= framed;
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
            _blocks.Add(new RecordBlock(_buffer, _at, _count));
        }

        (_buffer, _at, _count) = ([], 0, 0);
    }
}
