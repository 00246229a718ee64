using System.Buffers.Binary;
using System.Numerics;

namespace Monitoring.TestKit.Kafka;

/// <summary>
/// A batch of records in format 2, uncompressed: offset (8 bytes), length (4), leader epoch (4), format (1), CRC-32C of what follows (4), attributes (2), last offset delta (4), first and largest
/// time (8 each), producer id (8), producer epoch (2), first sequence number (4), number of records (4), and the records.
/// </summary>
internal sealed class RecordBatch
{
    private const int Header = 61;
    private const int LengthAt = 8;
    private const int FormatAt = 16;
    private const int CrcAt = 17;
    private const int AttributesAt = 21;
    private const int MaxTimeAt = 35;
    private const int CompressionMask = 0x07;
    private const int AppendTimeFlag = 0x08;
    private const int TransactionalOrControl = 0x30;
    private readonly byte[] _bytes;

    private RecordBatch(byte[] bytes) => _bytes = bytes;

    public ReadOnlyMemory<byte> Bytes => _bytes;

    public long BaseOffset => BinaryPrimitives.ReadInt64BigEndian(_bytes);

    public long LastOffset => BaseOffset + BinaryPrimitives.ReadInt32BigEndian(_bytes.AsSpan(23));

    public long BaseTime => BinaryPrimitives.ReadInt64BigEndian(_bytes.AsSpan(27));

    public long MaxTime => BinaryPrimitives.ReadInt64BigEndian(_bytes.AsSpan(MaxTimeAt));

    public bool HasAppendTime => (Attributes & AppendTimeFlag) != 0;

    public long ProducerId => BinaryPrimitives.ReadInt64BigEndian(_bytes.AsSpan(43));

    public short ProducerEpoch => BinaryPrimitives.ReadInt16BigEndian(_bytes.AsSpan(51));

    public int FirstSequence => BinaryPrimitives.ReadInt32BigEndian(_bytes.AsSpan(53));

    public int Count => BinaryPrimitives.ReadInt32BigEndian(_bytes.AsSpan(57));

    private short Attributes => BinaryPrimitives.ReadInt16BigEndian(_bytes.AsSpan(AttributesAt));

    /// <summary>Checks what a producer sent: one whole batch, its sum, its records. Nothing is believed.</summary>
    public static (RecordBatch? Batch, KafkaError Error) Parse(ReadOnlyMemory<byte> bytes, TopicSettings settings, long now)
    {
        if (bytes.Length < Header || BinaryPrimitives.ReadInt32BigEndian(bytes.Span[LengthAt..]) is var length && length + LengthAt + 4 > bytes.Length)
        {
            return (null, KafkaError.CorruptMessage);
        }

        if (bytes.Span[FormatAt] != 2)
        {
            return (null, KafkaError.UnsupportedForMessageFormat);
        }

        if (length + LengthAt + 4 < bytes.Length)
        {
            // Format 2 takes one batch per partition and request.
            return (null, KafkaError.InvalidRecord);
        }

        if (bytes.Length > settings.Number("max.message.bytes"))
        {
            return (null, KafkaError.MessageTooLarge);
        }

        var batch = new RecordBatch(bytes.ToArray());
        if (Crc32C(batch._bytes.AsSpan(AttributesAt)) != BinaryPrimitives.ReadUInt32BigEndian(batch._bytes.AsSpan(CrcAt)))
        {
            return (null, KafkaError.CorruptMessage);
        }

        if ((batch.Attributes & CompressionMask) != 0)
        {
            return (null, KafkaError.UnsupportedCompressionType);
        }

        if ((batch.Attributes & TransactionalOrControl) != 0 || batch.Count < 1 || batch.LastOffset - batch.BaseOffset != batch.Count - 1)
        {
            return (null, KafkaError.InvalidRecord);
        }

        try
        {
            var next = 0L;
            foreach (var record in batch.Records())
            {
                if (record.OffsetDelta != next++ || (settings.IsCompacted && record.Key is null))
                {
                    return (null, KafkaError.InvalidRecord);
                }

                if (!settings.HasAppendTime && batch.BaseTime + record.TimeDelta > now + settings.Number("message.timestamp.after.max.ms"))
                {
                    return (null, KafkaError.InvalidTimestamp);
                }
            }
        }
        catch (Exception e) when (e is InvalidDataException or OverflowException)
        {
            return (null, KafkaError.InvalidRecord);
        }

        return (batch, KafkaError.None);
    }

    /// <summary>Gives it its place in the log, and the log's own time where the topic asks for that.</summary>
    public void Place(long offset, long now, bool appendTime)
    {
        BinaryPrimitives.WriteInt64BigEndian(_bytes, offset);
        BinaryPrimitives.WriteInt32BigEndian(_bytes.AsSpan(12), BrokerPartition.LeaderEpoch);
        if (appendTime)
        {
            BinaryPrimitives.WriteInt16BigEndian(_bytes.AsSpan(AttributesAt), (short)(Attributes | AppendTimeFlag));
            BinaryPrimitives.WriteInt64BigEndian(_bytes.AsSpan(MaxTimeAt), now);
        }

        WriteCrc();
    }

    /// <summary>Its records as they lie in it.</summary>
    public IEnumerable<(ReadOnlyMemory<byte> Raw, long TimeDelta, long OffsetDelta, ReadOnlyMemory<byte>? Key, ReadOnlyMemory<byte>? Value)> Records()
    {
        var reader = new WireReader(_bytes.AsMemory(Header));
        for (var i = 0; i < Count; i++)
        {
            var raw = reader.VarBytes() ?? throw new InvalidDataException("a record without length");
            var record = new WireReader(raw);
            record.Int8();
            var time = record.VarInt();
            var offset = record.VarInt();
            var key = record.VarBytes();
            var value = record.VarBytes();
            var headers = record.VarInt();
            for (var h = 0L; h < headers; h++)
            {
                _ = record.VarBytes() ?? throw new InvalidDataException("a header without name");
                record.VarBytes();
            }

            if (!record.IsAtEnd || headers < 0)
            {
                throw new InvalidDataException("a record that is longer than what is in it");
            }

            yield return (raw, time, offset, key, value);
        }

        if (!reader.IsAtEnd)
        {
            throw new InvalidDataException("bytes behind the last record");
        }
    }

    /// <summary>Time of a record of it, in milliseconds since 1970.</summary>
    public long TimeOf(long timeDelta) => HasAppendTime ? MaxTime : BaseTime + timeDelta;

    /// <summary>What the log cleaner leaves of it: the records chosen, under their own offsets; null when none is.</summary>
    public RecordBatch? Keep(Func<long, ReadOnlyMemory<byte>, bool> keep)
    {
        var kept = Records().Where(r => keep(BaseOffset + r.OffsetDelta, r.Key!.Value)).Select(r => r.Raw).ToList();
        if (kept.Count == 0)
        {
            return null;
        }

        using var bytes = new MemoryStream();
        bytes.Write(_bytes.AsSpan(0, Header));
        foreach (var raw in kept)
        {
            WriteVarInt(bytes, raw.Length);
            bytes.Write(raw.Span);
        }

        var batch = new RecordBatch(bytes.ToArray());
        BinaryPrimitives.WriteInt32BigEndian(batch._bytes.AsSpan(LengthAt), batch._bytes.Length - LengthAt - 4);
        BinaryPrimitives.WriteInt32BigEndian(batch._bytes.AsSpan(57), kept.Count);
        batch.WriteCrc();
        return batch;
    }

    private void WriteCrc() => BinaryPrimitives.WriteUInt32BigEndian(_bytes.AsSpan(CrcAt), Crc32C(_bytes.AsSpan(AttributesAt)));

    private static void WriteVarInt(Stream stream, long value)
    {
        var rest = (ulong)((value << 1) ^ (value >> 63));
        for (; rest >= 0x80; rest >>= 7)
        {
            stream.WriteByte((byte)(rest | 0x80));
        }

        stream.WriteByte((byte)rest);
    }

    private static uint Crc32C(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        while (bytes.Length >= 8)
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
            bytes = bytes[8..];
        }

        foreach (var b in bytes)
        {
            crc = BitOperations.Crc32C(crc, b);
        }

        return ~crc;
    }
}
