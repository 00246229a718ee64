using System.Buffers.Binary;

namespace Monitoring.Statistics;

/// <summary>Reads what <see cref="CanonicalWriter"/> wrote. Every method throws <see cref="InvalidDataException"/> on truncated or malformed bytes.</summary>
public ref struct CanonicalReader(ReadOnlySpan<byte> bytes)
{
    private ReadOnlySpan<byte> _rest = bytes;

    /// <summary>Bytes not read yet.</summary>
    public readonly int Remaining => _rest.Length;

    public byte ReadByte() => Take(1)[0];

    public ulong ReadUInt64() => BinaryPrimitives.ReadUInt64LittleEndian(Take(8));

    public double ReadDouble() => BitConverter.UInt64BitsToDouble(ReadUInt64());

    public long ReadCount()
    {
        var value = ReadUnsigned();
        return value <= long.MaxValue ? (long)value : throw new InvalidDataException("a count is beyond 2^63");
    }

    /// <summary>A count that says how many elements of <paramref name="elementSize"/> bytes follow; refused when they cannot fit into what is left.</summary>
    public int ReadLength(int elementSize)
    {
        var count = ReadCount();
        return count <= _rest.Length / elementSize
            ? (int)count
            : throw new InvalidDataException($"{count} elements of at least {elementSize} bytes announced, {_rest.Length} bytes left");
    }

    public long ReadSigned()
    {
        var value = ReadUnsigned();
        return (long)(value >> 1) ^ -(long)(value & 1);
    }

    public double[] ReadDoubles()
    {
        var values = new double[ReadLength(sizeof(double))];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = ReadDouble();
        }

        return values;
    }

    public ReadOnlySpan<byte> ReadBytes() => Take(ReadLength(1));

    /// <summary>Throws unless everything was read.</summary>
    public readonly void ExpectEnd()
    {
        if (_rest.Length != 0)
        {
            throw new InvalidDataException($"{_rest.Length} bytes too many");
        }
    }

    private ulong ReadUnsigned()
    {
        ulong value = 0;
        for (var shift = 0; shift < 64; shift += 7)
        {
            var next = ReadByte();
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80)
            {
                return value;
            }
        }

        throw new InvalidDataException("a number is longer than ten bytes");
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        if (_rest.Length < count)
        {
            throw new InvalidDataException($"truncated: {count} bytes wanted, {_rest.Length} left");
        }

        var taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }
}
