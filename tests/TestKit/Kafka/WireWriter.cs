using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Monitoring.TestKit.Kafka;

/// <summary>Writes the protocol's types in order.</summary>
internal sealed class WireWriter
{
    private readonly ArrayBufferWriter<byte> _bytes = new(256);

    public ReadOnlyMemory<byte> Written => _bytes.WrittenMemory;

    public WireWriter Int8(int value) => Put(1, (byte)value, static (span, v) => span[0] = v);

    public WireWriter Int16(int value) => Put(2, (short)value, BinaryPrimitives.WriteInt16BigEndian);

    public WireWriter Int32(int value) => Put(4, value, BinaryPrimitives.WriteInt32BigEndian);

    public WireWriter Int64(long value) => Put(8, value, BinaryPrimitives.WriteInt64BigEndian);

    public WireWriter Bool(bool value) => Int8(value ? 1 : 0);

    public WireWriter Error(KafkaError error) => Int16((short)error);

    public WireWriter Text(string? value)
    {
        if (value is null)
        {
            return Int16(-1);
        }

        var bytes = Encoding.UTF8.GetBytes(value);
        Int16(bytes.Length);
        _bytes.Write(bytes);
        return this;
    }

    public WireWriter Bytes(ReadOnlyMemory<byte> value)
    {
        Int32(value.Length);
        _bytes.Write(value.Span);
        return this;
    }

    public WireWriter Array<T>(IReadOnlyCollection<T> items, Action<T> write)
    {
        Int32(items.Count);
        foreach (var item in items)
        {
            write(item);
        }

        return this;
    }

    private WireWriter Put<T>(int length, T value, SpanAction<T> write)
    {
        write(_bytes.GetSpan(length)[..length], value);
        _bytes.Advance(length);
        return this;
    }

    private delegate void SpanAction<in T>(Span<byte> span, T value);
}
