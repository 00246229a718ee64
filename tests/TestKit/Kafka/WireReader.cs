using System.Buffers.Binary;
using System.Text;

namespace Monitoring.TestKit.Kafka;

/// <summary>Reads the protocol's types in order; throws <see cref="InvalidDataException"/> where a request ends too early.</summary>
internal sealed class WireReader(ReadOnlyMemory<byte> bytes)
{
    private int _at;

    public bool IsAtEnd => _at == bytes.Length;

    public sbyte Int8() => (sbyte)Take(1).Span[0];

    public short Int16() => BinaryPrimitives.ReadInt16BigEndian(Take(2).Span);

    public int Int32() => BinaryPrimitives.ReadInt32BigEndian(Take(4).Span);

    public long Int64() => BinaryPrimitives.ReadInt64BigEndian(Take(8).Span);

    public bool Bool() => Int8() != 0;

    public string? NullableText() => Int16() is >= 0 and var length ? Encoding.UTF8.GetString(Take(length).Span) : null;

    public string Text() => NullableText() ?? throw new InvalidDataException("a string that must not be null is");

    public ReadOnlyMemory<byte> Bytes() => Int32() is >= 0 and var length ? Take(length) : default;

    /// <summary>The items of an array; none for a null one.</summary>
    public List<T> Array<T>(Func<WireReader, T> item) => NullableArray(item) ?? [];

    public List<T>? NullableArray<T>(Func<WireReader, T> item)
    {
        var count = Int32();
        if (count < 0)
        {
            return null;
        }

        var items = new List<T>();
        for (var i = 0; i < count; i++)
        {
            items.Add(item(this));
        }

        return items;
    }

    /// <summary>A signed number in base 128, zigzag.</summary>
    public long VarInt()
    {
        var value = 0UL;
        for (var shift = 0; shift < 64; shift += 7)
        {
            var next = (byte)Int8();
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80)
            {
                return (long)(value >> 1) ^ -(long)(value & 1);
            }
        }

        throw new InvalidDataException("a number of more than 64 bits");
    }

    /// <summary>Bytes behind their length in base 128; null for -1.</summary>
    public ReadOnlyMemory<byte>? VarBytes() => VarInt() is >= 0 and var length ? Take(checked((int)length)) : null;

    private ReadOnlyMemory<byte> Take(int count)
    {
        if (count > bytes.Length - _at)
        {
            throw new InvalidDataException($"{count} bytes are announced and {bytes.Length - _at} are there");
        }

        _at += count;
        return bytes.Slice(_at - count, count);
    }
}
