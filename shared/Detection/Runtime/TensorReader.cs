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
        long count = 1;
        foreach (var dimension in tensor.Shape)
        {
            if (dimension < 0 || (dimension > 0 && count > int.MaxValue / dimension))
            {
                return -1;
            }

            count *= dimension;
        }

        return Fits(tensor, count) ? (int)count : -1;
    }

    private static bool Fits(Tensor tensor, long elements) => tensor.Datatype switch
    {
        "FP32" or "INT32" or "UINT32" => tensor.Data.Length == elements * 4,
        "FP64" or "INT64" or "UINT64" => tensor.Data.Length == elements * 8,
        "FP16" or "INT16" or "UINT16" => tensor.Data.Length == elements * 2,
        "BOOL" or "INT8" or "UINT8" => tensor.Data.Length == elements,
        "BYTES" => tensor.Data.Length >= elements * 4,
        _ => false,
    };

    /// <summary>Rows of the tensor: its first dimension, 1 for a scalar.</summary>
    public static int Rows(Tensor tensor) => tensor.Shape.Count == 0 ? 1 : (int)Math.Min(tensor.Shape[0], int.MaxValue);

    /// <summary>
    /// Reads all elements into <paramref name="values"/>. BYTES elements become the index of the category in <paramref name="feature"/>, −1 for an unknown one,
    /// a number where the feature has no categories, NaN where that cannot be read.
    /// </summary>
    /// <returns>False when the bytes do not fit the shape and datatype.</returns>
    public static bool TryRead(Tensor tensor, Span<float> values, FeatureSchema? feature = null)
    {
        var data = tensor.Data.Span;
        switch (tensor.Datatype)
        {
            case "FP32":
                if (data.Length != values.Length * 4L)
                {
                    return false;
                }

                MemoryMarshal.Cast<byte, float>(data).CopyTo(values);
                return true;
            case "FP64":
                return Convert(data, values, 8, static d => (float)BinaryPrimitives.ReadDoubleLittleEndian(d));
            case "FP16":
                return Convert(data, values, 2, static d => (float)BinaryPrimitives.ReadHalfLittleEndian(d));
            case "BOOL":
            case "UINT8":
                return Convert(data, values, 1, static d => d[0]);
            case "INT8":
                return Convert(data, values, 1, static d => (sbyte)d[0]);
            case "UINT16":
                return Convert(data, values, 2, static d => BinaryPrimitives.ReadUInt16LittleEndian(d));
            case "INT16":
                return Convert(data, values, 2, static d => BinaryPrimitives.ReadInt16LittleEndian(d));
            case "UINT32":
                return Convert(data, values, 4, static d => BinaryPrimitives.ReadUInt32LittleEndian(d));
            case "INT32":
                return Convert(data, values, 4, static d => BinaryPrimitives.ReadInt32LittleEndian(d));
            case "UINT64":
                return Convert(data, values, 8, static d => BinaryPrimitives.ReadUInt64LittleEndian(d));
            case "INT64":
                return Convert(data, values, 8, static d => BinaryPrimitives.ReadInt64LittleEndian(d));
            case "BYTES":
                return TryReadText(data, values, feature);
            default:
                return false;
        }
    }

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
