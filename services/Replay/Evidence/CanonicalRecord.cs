using System.Buffers.Binary;
using System.Text;
using Monitoring.EventLog;

namespace Monitoring.Replay.Evidence;

/// <summary>
/// The bytes of a log record that are hashed: everything a reader of the log sees, in one fixed form.
/// <c>01 · u16 topic · i32 partition · i64 offset · i64 log time · u32 key · u8 has value · u32 value · u16 headers · (u16 name · u32 value)…</c>,
/// big-endian, every text and byte string after its length.
/// </summary>
internal static class CanonicalRecord
{
    private const byte Version = 1;

    /// <summary>Writes 0x00 (the leaf prefix of RFC 6962) and the canonical bytes into <paramref name="buffer"/>, which grows when too small; returns their number.</summary>
    public static int WriteLeaf(LogEntry entry, ref byte[] buffer)
    {
        // An upper bound: counting the bytes of every name would cost as much as writing it. And no enumerators: there is one record after the other.
        var headers = entry.Headers;
        var size = 1 + 1 + 2 + (3 * entry.Topic.Length) + 4 + 8 + 8 + 4 + entry.Key.Length + 1 + 4 + (entry.Value?.Length ?? 0) + 2;
        for (var i = 0; i < headers.Count; i++)
        {
            var header = headers[i];
            size += 2 + (3 * header.Name.Length) + 4 + header.Value.Length;
        }

        if (buffer.Length < size)
        {
            buffer = new byte[size * 2];
        }

        var writer = new Writer(buffer);
        writer.Byte(0);
        writer.Byte(Version);
        writer.Text(entry.Topic);
        writer.Int32(entry.Partition);
        writer.Int64(entry.Offset);
        writer.Int64(entry.TimeUnixNano);
        writer.Bytes(entry.Key.Span);
        writer.Byte(entry.Value is null ? (byte)0 : (byte)1);
        writer.Bytes(entry.Value is { } value ? value.Span : default);
        writer.UInt16(checked((ushort)headers.Count));
        for (var i = 0; i < headers.Count; i++)
        {
            var header = headers[i];
            writer.Text(header.Name);
            writer.Bytes(header.Value.Span);
        }

        return writer.Position;
    }

    /// <summary>Canonical bytes without the leaf prefix.</summary>
    public static byte[] ToBytes(LogEntry entry)
    {
        byte[] buffer = [];
        var length = WriteLeaf(entry, ref buffer);
        return buffer[1..length];
    }

    /// <summary>Hash of canonical bytes as a leaf.</summary>
    public static byte[] LeafHash(ReadOnlySpan<byte> canonical)
    {
        var prefixed = new byte[canonical.Length + 1];
        canonical.CopyTo(prefixed.AsSpan(1));
        var hash = new byte[MerkleTree.HashSize];
        MerkleTree.HashLeaf(prefixed, hash);
        return hash;
    }

    /// <summary>Reads canonical bytes back. Throws <see cref="InvalidDataException"/> when they are not exactly one record.</summary>
    public static LogEntry Parse(ReadOnlyMemory<byte> canonical)
    {
        var reader = new Reader(canonical);
        if (reader.Byte() != Version)
        {
            throw new InvalidDataException("not a record of version 1");
        }

        var topic = reader.Text();
        var partition = reader.Int32();
        var offset = reader.Int64();
        var time = reader.Int64();
        var key = reader.Bytes();
        var hasValue = reader.Byte();
        var value = reader.Bytes();
        if (hasValue > 1 || (hasValue == 0 && value.Length > 0))
        {
            throw new InvalidDataException("bad mark of the value's presence");
        }

        var headers = new LogHeader[reader.UInt16()];
        for (var i = 0; i < headers.Length; i++)
        {
            headers[i] = new LogHeader(reader.Text(), reader.Bytes());
        }

        reader.End();
        return new LogEntry(topic, partition, offset, time, key, hasValue == 1 ? value : null, headers);
    }

    /// <summary>Big-endian writer into a buffer that is large enough.</summary>
    internal ref struct Writer(Span<byte> buffer)
    {
        private readonly Span<byte> _buffer = buffer;

        public int Position { get; private set; }

        public void Byte(byte value) => _buffer[Position++] = value;

        public void UInt16(ushort value)
        {
            BinaryPrimitives.WriteUInt16BigEndian(_buffer[Position..], value);
            Position += 2;
        }

        public void Int32(int value)
        {
            BinaryPrimitives.WriteInt32BigEndian(_buffer[Position..], value);
            Position += 4;
        }

        public void Int64(long value)
        {
            BinaryPrimitives.WriteInt64BigEndian(_buffer[Position..], value);
            Position += 8;
        }

        public void Text(string value)
        {
            var length = Encoding.UTF8.GetBytes(value, _buffer[(Position + 2)..]);
            UInt16(checked((ushort)length));
            Position += length;
        }

        public void Bytes(ReadOnlySpan<byte> value)
        {
            Int32(value.Length);
            value.CopyTo(_buffer[Position..]);
            Position += value.Length;
        }
    }

    private struct Reader(ReadOnlyMemory<byte> data)
    {
        private int _position;

        public byte Byte() => Take(1)[0];

        public ushort UInt16() => BinaryPrimitives.ReadUInt16BigEndian(Take(2));

        public int Int32() => BinaryPrimitives.ReadInt32BigEndian(Take(4));

        public long Int64() => BinaryPrimitives.ReadInt64BigEndian(Take(8));

        public string Text()
        {
            var bytes = Take(UInt16());
            try
            {
                return s_strictUtf8.GetString(bytes);
            }
            catch (DecoderFallbackException)
            {
                throw new InvalidDataException("a name is not valid UTF-8");
            }
        }

        public ReadOnlyMemory<byte> Bytes()
        {
            var length = Int32();
            var start = _position;
            Take(length);
            return data.Slice(start, length);
        }

        public readonly void End()
        {
            if (_position != data.Length)
            {
                throw new InvalidDataException($"{data.Length - _position} bytes after the record");
            }
        }

        private ReadOnlySpan<byte> Take(int length)
        {
            if (length < 0 || length > data.Length - _position)
            {
                throw new InvalidDataException("the record is cut short");
            }

            var span = data.Span.Slice(_position, length);
            _position += length;
            return span;
        }
    }

    private static readonly UTF8Encoding s_strictUtf8 = new(false, throwOnInvalidBytes: true);
}
