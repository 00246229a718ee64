using System.Buffers;
using System.Buffers.Binary;
using System.Buffers.Text;
using System.Runtime.InteropServices;
using System.Text.Json;
using Monitoring.Scoring;

namespace Monitoring.Inference;

/// <summary>Reads and writes a tensor's <c>data</c> in JSON: flat or nested as the shape says, every element checked against the datatype.</summary>
internal static class TensorData
{
    /// <summary>Reads the array at the reader's current token.</summary>
    /// <param name="reader">At the start of the array; afterwards at its end.</param>
    /// <param name="name">For messages.</param>
    /// <param name="type">Datatype.</param>
    /// <param name="shape">Shape; the elements must be exactly as many.</param>
    /// <param name="remaining">Bytes that this tensor may take.</param>
    public static ReadOnlyMemory<byte> Read(ref Utf8JsonReader reader, string name, TensorType type, long[] shape, long remaining)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            throw Bad(name, "'data' must be an array");
        }

        var count = ScoringTensor.CountElements(name, shape);
        var size = type.Size();

        // Even one digit and a comma per element: a shape cannot make us allocate more than the body's own size allows.
        if (count > Math.Min(remaining, Array.MaxLength) / Math.Max(size, 4))
        {
            throw new ProtocolException(400, $"input '{name}' of shape [{string.Join(',', shape)}] has more elements than its data");
        }

        if (type == TensorType.Bytes)
        {
            return ReadStrings(ref reader, name, shape, count);
        }

        var data = new byte[count * size];
        var position = 0;
        var walk = new ShapeWalk(name, shape);
        while (walk.Next(ref reader))
        {
            if (position == data.Length)
            {
                throw walk.WrongCount();
            }

            ReadElement(ref reader, name, type, data.AsSpan(position, size));
            position += size;
        }

        return position == data.Length ? data : throw walk.WrongCount();
    }

    /// <summary>Writes <c>[…]</c>, flat.</summary>
    public static void Write(Utf8JsonWriter writer, ScoringTensor tensor)
    {
        writer.WriteStartArray();
        switch (tensor.Type)
        {
            case TensorType.Float32:
                foreach (var value in tensor.AsSpan<float>())
                {
                    writer.WriteNumberValue(value);
                }

                break;
            case TensorType.Float64:
                foreach (var value in tensor.AsSpan<double>())
                {
                    writer.WriteNumberValue(value);
                }

                break;
            case TensorType.Float16:
                foreach (var value in tensor.AsSpan<Half>())
                {
                    writer.WriteNumberValue((float)value);
                }

                break;
            case TensorType.Bool:
                foreach (var value in tensor.Data.Span)
                {
                    writer.WriteBooleanValue(value != 0);
                }

                break;
            case TensorType.Bytes:
                for (var rest = tensor.Data.Span; rest.Length > 0;)
                {
                    var length = BinaryPrimitives.ReadInt32LittleEndian(rest);
                    writer.WriteStringValue(rest.Slice(4, length));
                    rest = rest[(4 + length)..];
                }

                break;
            case TensorType.UInt64:
                foreach (var value in tensor.AsSpan<ulong>())
                {
                    writer.WriteNumberValue(value);
                }

                break;
            default:
                var size = tensor.Type.Size();
                for (var rest = tensor.Data.Span; rest.Length > 0; rest = rest[size..])
                {
                    writer.WriteNumberValue(ReadInteger(tensor.Type, rest));
                }

                break;
        }

        writer.WriteEndArray();
    }

    /// <summary>Whether a floating-point tensor holds NaN or infinity.</summary>
    public static bool HasNonFinite(ScoringTensor tensor)
    {
        switch (tensor.Type)
        {
            case TensorType.Float32:
                foreach (var value in tensor.AsSpan<float>())
                {
                    if (!float.IsFinite(value))
                    {
                        return true;
                    }
                }

                return false;
            case TensorType.Float64:
                foreach (var value in tensor.AsSpan<double>())
                {
                    if (!double.IsFinite(value))
                    {
                        return true;
                    }
                }

                return false;
            case TensorType.Float16:
                foreach (var value in tensor.AsSpan<Half>())
                {
                    if (!Half.IsFinite(value))
                    {
                        return true;
                    }
                }

                return false;
            default:
                return false;
        }
    }

    internal static long ReadInteger(TensorType type, ReadOnlySpan<byte> data) => type switch
    {
        TensorType.UInt8 => data[0],
        TensorType.Int8 => (sbyte)data[0],
        TensorType.UInt16 => BinaryPrimitives.ReadUInt16LittleEndian(data),
        TensorType.Int16 => BinaryPrimitives.ReadInt16LittleEndian(data),
        TensorType.UInt32 => BinaryPrimitives.ReadUInt32LittleEndian(data),
        TensorType.Int32 => BinaryPrimitives.ReadInt32LittleEndian(data),
        TensorType.UInt64 => (long)BinaryPrimitives.ReadUInt64LittleEndian(data),
        TensorType.Bool => data[0],
        _ => BinaryPrimitives.ReadInt64LittleEndian(data),
    };

    private static ReadOnlyMemory<byte> ReadStrings(ref Utf8JsonReader reader, string name, long[] shape, long count)
    {
        var buffer = new ArrayBufferWriter<byte>();
        var walk = new ShapeWalk(name, shape);
        long elements = 0;
        while (walk.Next(ref reader))
        {
            if (reader.TokenType != JsonTokenType.String)
            {
                throw Bad(name, "BYTES must be strings");
            }

            var most = reader.ValueSpan.Length;
            var span = buffer.GetSpan(4 + most);
            int length;
            try
            {
                length = reader.CopyString(span[4..]);
            }
            catch (InvalidOperationException)
            {
                throw Bad(name, "a string is not valid Unicode; send such bytes as a binary tensor");
            }

            BinaryPrimitives.WriteInt32LittleEndian(span, length);
            buffer.Advance(4 + length);
            elements++;
        }

        return elements == count ? buffer.WrittenMemory : throw walk.WrongCount();
    }

    private static void ReadElement(ref Utf8JsonReader reader, string name, TensorType type, Span<byte> target)
    {
        if (type == TensorType.Bool)
        {
            target[0] = reader.TokenType switch
            {
                JsonTokenType.True => 1,
                JsonTokenType.False => 0,
                _ => throw Bad(name, "BOOL must be true or false"),
            };
            return;
        }

        if (reader.TokenType != JsonTokenType.Number)
        {
            throw Bad(name, reader.TokenType switch
            {
                JsonTokenType.Null => "null is not a number",
                JsonTokenType.String => "numbers must not be strings; NaN and infinity can only be sent as a binary tensor",
                _ => $"{type.ProtocolName()} must be numbers",
            });
        }

        var ok = type switch
        {
            TensorType.Float32 => Utf8Parser.TryParse(reader.ValueSpan, out float value, out _) && float.IsFinite(value) && Store(target, value),
            TensorType.Float64 => reader.TryGetDouble(out var value) && double.IsFinite(value) && Store(target, value),
            TensorType.Float16 => reader.TryGetDouble(out var value) && Half.IsFinite((Half)value) && Store(target, (Half)value),
            TensorType.UInt8 => reader.TryGetByte(out var value) && Store(target, value),
            TensorType.Int8 => reader.TryGetSByte(out var value) && Store(target, value),
            TensorType.UInt16 => reader.TryGetUInt16(out var value) && Store(target, value),
            TensorType.Int16 => reader.TryGetInt16(out var value) && Store(target, value),
            TensorType.UInt32 => reader.TryGetUInt32(out var value) && Store(target, value),
            TensorType.Int32 => reader.TryGetInt32(out var value) && Store(target, value),
            TensorType.UInt64 => reader.TryGetUInt64(out var value) && Store(target, value),
            _ => reader.TryGetInt64(out var value) && Store(target, value),
        };
        if (!ok)
        {
            throw Bad(name, $"{System.Text.Encoding.UTF8.GetString(reader.ValueSpan[..Math.Min(40, reader.ValueSpan.Length)])} does not fit {type.ProtocolName()}");
        }
    }

    private static bool Store<T>(Span<byte> target, T value)
        where T : unmanaged
    {
        MemoryMarshal.Write(target, value);
        return true;
    }

    private static ProtocolException Bad(string name, string what) =>
        new(400, $"input '{name}': {what}") { Violation = (name, "datatype") };

    /// <summary>Walks over a flat array, or one nested exactly as the shape says.</summary>
    private ref struct ShapeWalk(string name, long[] shape)
    {
        private readonly Span<long> _counts = new long[Math.Max(1, shape.Length)];
        private int _level = -1;
        private bool? _nested;

        /// <summary>Moves to the next element; false after the last.</summary>
        public bool Next(ref Utf8JsonReader reader)
        {
            if (_level < 0)
            {
                _level = 0;
            }

            while (reader.Read())
            {
                switch (reader.TokenType)
                {
                    case JsonTokenType.StartArray:
                        _nested ??= true;
                        if (_nested == false || ++_level >= shape.Length)
                        {
                            throw new ProtocolException(400, $"input '{name}': 'data' is not nested as the shape [{string.Join(',', shape)}] says") { Violation = (name, "shape") };
                        }

                        _counts[_level - 1]++;
                        _counts[_level] = 0;
                        break;
                    case JsonTokenType.EndArray:
                        if (_nested == true && _counts[_level] != shape[_level])
                        {
                            throw WrongCount();
                        }

                        if (_level == 0)
                        {
                            return false;
                        }

                        _level--;
                        break;
                    default:
                        _nested ??= false;
                        if (_nested == true && _level != shape.Length - 1)
                        {
                            throw new ProtocolException(400, $"input '{name}': 'data' is not nested as the shape [{string.Join(',', shape)}] says") { Violation = (name, "shape") };
                        }

                        _counts[_level]++;
                        return true;
                }
            }

            return false;
        }

        public readonly ProtocolException WrongCount() =>
            new(400, $"input '{name}': 'data' does not hold the {ScoringTensor.CountElements(name, shape)} elements of shape [{string.Join(',', shape)}]") { Violation = (name, "shape") };
    }
}
