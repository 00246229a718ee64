using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using Monitoring.Contracts;

namespace Monitoring.Detection;

/// <summary>Reads a tensor's elements as floats.</summary>
internal static class TensorReader
{
    /// <summary>Elements of the tensor by its shape; −1 where the shape is impossible or the data is not as long as it says, so that nobody allocates for a lie.</summary>
    public static int Elements(Tensor tensor)
    {
        Span<long> shape = tensor.Shape.Count <= 16 ? stackalloc long[tensor.Shape.Count] : new long[tensor.Shape.Count];
        for (var i = 0; i < shape.Length; i++)
        {
            shape[i] = tensor.Shape[i];
        }

        return Elements(TypeOf(Encoding.UTF8.GetBytes(tensor.Datatype)), shape, tensor.Data.Length);
    }

    /// <inheritdoc cref="Elements(Tensor)"/>
    public static int Elements(ElementType type, ReadOnlySpan<long> shape, int dataLength)
    {
        long count = 1;
        foreach (var dimension in shape)
        {
            if (dimension < 0 || (dimension > 0 && count > int.MaxValue / dimension))
            {
                return -1;
            }

            count *= dimension;
        }

        var fits = type switch
        {
            ElementType.Unknown => false,
            ElementType.Bytes => dataLength >= count * 4,
            _ => dataLength == count * SizeOf(type),
        };
        return fits ? (int)count : -1;
    }

    /// <summary>Rows of the tensor: its first dimension, 1 for a scalar.</summary>
    public static int Rows(Tensor tensor) => tensor.Shape.Count == 0 ? 1 : (int)Math.Min(tensor.Shape[0], int.MaxValue);

    /// <inheritdoc cref="Rows(Tensor)"/>
    public static int Rows(ReadOnlySpan<long> shape) => shape.IsEmpty ? 1 : (int)Math.Min(shape[0], int.MaxValue);

    /// <summary>The datatype of a name in UTF-8.</summary>
    public static ElementType TypeOf(ReadOnlySpan<byte> name) =>
        name.SequenceEqual("FP32"u8) ? ElementType.Float32
        : name.SequenceEqual("INT64"u8) ? ElementType.Int64
        : name.SequenceEqual("FP64"u8) ? ElementType.Float64
        : name.SequenceEqual("BYTES"u8) ? ElementType.Bytes
        : name.SequenceEqual("UINT8"u8) ? ElementType.UInt8
        : name.SequenceEqual("INT32"u8) ? ElementType.Int32
        : name.SequenceEqual("FP16"u8) ? ElementType.Float16
        : name.SequenceEqual("BOOL"u8) ? ElementType.Bool
        : name.SequenceEqual("INT8"u8) ? ElementType.Int8
        : name.SequenceEqual("UINT16"u8) ? ElementType.UInt16
        : name.SequenceEqual("INT16"u8) ? ElementType.Int16
        : name.SequenceEqual("UINT32"u8) ? ElementType.UInt32
        : name.SequenceEqual("UINT64"u8) ? ElementType.UInt64
        : ElementType.Unknown;

    /// <inheritdoc cref="TryRead(ElementType, ReadOnlySpan{byte}, Span{float}, FeatureSchema?)"/>
    public static bool TryRead(Tensor tensor, Span<float> values, FeatureSchema? feature = null) =>
        TryRead(TypeOf(Encoding.UTF8.GetBytes(tensor.Datatype)), tensor.Data.Span, values, feature);

    /// <summary>
    /// Reads all elements into <paramref name="values"/>. BYTES elements become the index of the category in <paramref name="feature"/>, −1 for an unknown one,
    /// a number where the feature has no categories, NaN where that cannot be read.
    /// </summary>
    /// <returns>False when the bytes do not fit the shape and datatype.</returns>
    public static bool TryRead(ElementType type, ReadOnlySpan<byte> data, Span<float> values, FeatureSchema? feature = null)
    {
        switch (type)
        {
            case ElementType.Float32:
                if (data.Length != values.Length * 4L)
                {
                    return false;
                }

                MemoryMarshal.Cast<byte, float>(data).CopyTo(values);
                return true;
            case ElementType.Float64:
                return Convert(data, values, 8, static d => (float)BinaryPrimitives.ReadDoubleLittleEndian(d));
            case ElementType.Float16:
                return Convert(data, values, 2, static d => (float)BinaryPrimitives.ReadHalfLittleEndian(d));
            case ElementType.Bool or ElementType.UInt8:
                return Convert(data, values, 1, static d => d[0]);
            case ElementType.Int8:
                return Convert(data, values, 1, static d => (sbyte)d[0]);
            case ElementType.UInt16:
                return Convert(data, values, 2, static d => BinaryPrimitives.ReadUInt16LittleEndian(d));
            case ElementType.Int16:
                return Convert(data, values, 2, static d => BinaryPrimitives.ReadInt16LittleEndian(d));
            case ElementType.UInt32:
                return Convert(data, values, 4, static d => BinaryPrimitives.ReadUInt32LittleEndian(d));
            case ElementType.Int32:
                return Convert(data, values, 4, static d => BinaryPrimitives.ReadInt32LittleEndian(d));
            case ElementType.UInt64:
                return Convert(data, values, 8, static d => BinaryPrimitives.ReadUInt64LittleEndian(d));
            case ElementType.Int64:
                return Convert(data, values, 8, static d => BinaryPrimitives.ReadInt64LittleEndian(d));
            case ElementType.Bytes:
                return TryReadText(data, values, feature);
            default:
                return false;
        }
    }

    private static int SizeOf(ElementType type) => type switch
    {
        ElementType.Bool or ElementType.UInt8 or ElementType.Int8 => 1,
        ElementType.UInt16 or ElementType.Int16 or ElementType.Float16 => 2,
        ElementType.UInt32 or ElementType.Int32 or ElementType.Float32 => 4,
        _ => 8,
    };

    private static bool Convert(ReadOnlySpan<byte> data, Span<float> values, int size, Func<ReadOnlySpan<byte>, float> read)
    {
        if (data.Length != (long)values.Length * size)
        {
            return false;
        }

        for (var i = 0; i < values.Length; i++)
        {
            values[i] = read(data.Slice(i * size, size));
        }

        return true;
    }

    private static bool TryReadText(ReadOnlySpan<byte> data, Span<float> values, FeatureSchema? feature)
    {
        for (var i = 0; i < values.Length; i++)
        {
            if (data.Length < 4)
            {
                return false;
            }

            var length = BinaryPrimitives.ReadUInt32LittleEndian(data);
            if (length > data.Length - 4)
            {
                return false;
            }

            values[i] = Code(Encoding.UTF8.GetString(data.Slice(4, (int)length)), feature);
            data = data[(4 + (int)length)..];
        }

        return data.IsEmpty;
    }

    private static float Code(string text, FeatureSchema? feature)
    {
        if (feature is { Categories.Count: > 0 })
        {
            for (var i = 0; i < feature.Categories.Count; i++)
            {
                if (string.Equals(feature.Categories[i], text, StringComparison.Ordinal))
                {
                    return i;
                }
            }

            return text.Length == 0 ? float.NaN : -1;
        }

        return float.TryParse(text, System.Globalization.CultureInfo.InvariantCulture, out var number) ? number : float.NaN;
    }
}
