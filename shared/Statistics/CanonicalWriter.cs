using System.Buffers;
using System.Buffers.Binary;

namespace Monitoring.Statistics;

/// <summary>
/// Writes state as canonical bytes: one value has exactly one encoding (little-endian doubles by their bits, unsigned
/// LEB128 for counts), so that equal states are equal byte for byte and checkpoints can be compared by hash.
/// </summary>
public readonly ref struct CanonicalWriter(IBufferWriter<byte> output)
{
    private readonly IBufferWriter<byte> _output = output;

    /// <summary>One byte.</summary>
    public void WriteByte(byte value)
    {
        _output.GetSpan(1)[0] = value;
        _output.Advance(1);
    }

    /// <summary>Eight bytes, little-endian.</summary>
    public void WriteUInt64(ulong value)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(_output.GetSpan(8), value);
        _output.Advance(8);
    }

    /// <summary>The double's eight bytes, little-endian; every NaN is written as the one quiet NaN.</summary>
    public void WriteDouble(double value) => WriteUInt64(BitConverter.DoubleToUInt64Bits(double.IsNaN(value) ? double.NaN : value));

    /// <summary>A non-negative count in LEB128, 1 to 9 bytes.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The count is negative.</exception>
    public void WriteCount(long value)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(value);
        WriteUnsigned((ulong)value);
    }

    /// <summary>A signed number, zigzag in LEB128.</summary>
    public void WriteSigned(long value) => WriteUnsigned((ulong)((value << 1) ^ (value >> 63)));

    /// <summary>Length, then the doubles.</summary>
    public void WriteDoubles(ReadOnlySpan<double> values)
    {
        WriteCount(values.Length);
        var span = _output.GetSpan(values.Length * sizeof(double));
        for (var i = 0; i < values.Length; i++)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(span[(i * sizeof(double))..], BitConverter.DoubleToUInt64Bits(double.IsNaN(values[i]) ? double.NaN : values[i]));
        }

        _output.Advance(values.Length * sizeof(double));
    }

    /// <summary>Length, then the bytes.</summary>
    public void WriteBytes(ReadOnlySpan<byte> values)
    {
        WriteCount(values.Length);
        _output.Write(values);
    }

    private void WriteUnsigned(ulong value)
    {
        var span = _output.GetSpan(10);
        var length = 0;
        while (value >= 0x80)
        {
            span[length++] = (byte)(value | 0x80);
            value >>= 7;
        }

        span[length++] = (byte)value;
        _output.Advance(length);
    }
}
