using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using Monitoring.Scoring;

namespace Monitoring.Inference;

/// <summary>
/// Reads <c>ModelInferRequest</c> and <c>ModelInferResponse</c> of the Open Inference Protocol's gRPC form, as Seldon Core v2 puts them on Kafka: with typed
/// or raw contents, and behind the five bytes and the message index of a schema registry where there are any.
/// </summary>
internal static class ProtobufPayload
{
    private const int MaxTensors = 1024;

    /// <exception cref="ProtocolException">400: not such a message.</exception>
    public static InferMessage Read(ReadOnlyMemory<byte> payload, bool isResponse)
    {
        try
        {
            return ReadMessage(new Wire(SkipRegistry(payload.Span)), isResponse);
        }
        catch (ScoringException e)
        {
            throw new ProtocolException(400, e.Message);
        }
    }

    /// <summary>Confluent's framing: 0, a schema id of four bytes, then the path of the message in its file, which is 0 for the first one.</summary>
    private static ReadOnlySpan<byte> SkipRegistry(ReadOnlySpan<byte> payload)
    {
        if (payload.Length < 6 || payload[0] != 0)
        {
            return payload;
        }

        var wire = new Wire(payload[5..]);
        for (var count = wire.Varint(); count > 0; count--)
        {
            wire.Varint();
        }

        return wire.Rest;
    }

    private static InferMessage ReadMessage(Wire wire, bool isResponse)
    {
        var message = new InferMessage();
        var tensors = new List<Pending>();
        var raw = new List<byte[]>();
        var (rawField, tensorField) = isResponse ? (6, 5) : (7, 5);
        while (wire.Next(out var field, out var type))
        {
            switch (field)
            {
                case 1 when isResponse:
                    message.ModelName = wire.Text(type);
                    break;
                case 2 when isResponse:
                    message.ModelVersion = wire.Text(type) is { Length: > 0 } version ? version : null;
                    break;
                case 3:
                    message.Id = wire.Text(type);
                    break;
                case var f when f == tensorField:
                    if (tensors.Count == MaxTensors)
                    {
                        throw new ProtocolException(400, $"more than {MaxTensors} tensors");
                    }

                    tensors.Add(ReadTensor(new Wire(wire.Bytes(type))));
                    break;
                case var f when f == rawField:
                    raw.Add(wire.Bytes(type).ToArray());
                    break;
                default:
                    wire.Skip(type);
                    break;
            }
        }

        if (tensors.Count == 0 || (raw.Count > 0 && raw.Count != tensors.Count))
        {
            throw new ProtocolException(400, tensors.Count == 0 ? "the protobuf message holds no tensors" : $"{raw.Count} raw contents for {tensors.Count} tensors");
        }

        for (var i = 0; i < tensors.Count; i++)
        {
            message.Tensors.Add(new ScoringTensor(tensors[i].Name, tensors[i].Type, tensors[i].Shape, raw.Count > 0 ? raw[i] : tensors[i].Contents));
        }

        return message;
    }

    private static Pending ReadTensor(Wire wire)
    {
        string name = "", datatype = "";
        var shape = new List<long>();
        var contents = Array.Empty<byte>();
        while (wire.Next(out var field, out var type))
        {
            switch (field)
            {
                case 1:
                    name = wire.Text(type);
                    break;
                case 2:
                    datatype = wire.Text(type);
                    break;
                case 3 when type == 2:
                    var packed = new Wire(wire.Bytes(type));
                    while (!packed.IsEmpty)
                    {
                        shape.Add((long)packed.Varint());
                    }

                    break;
                case 3:
                    shape.Add((long)wire.Varint());
                    break;
                case 5:
                    contents = wire.Bytes(type).ToArray();
                    break;
                default:
                    wire.Skip(type);
                    break;
            }
        }

        var element = TensorTypes.FromProtocolName(datatype);
        return element == TensorType.Undefined
            ? throw new ProtocolException(400, $"tensor '{name}' has the unknown datatype '{datatype}'")
            : new Pending(name, element, [.. shape], contents.Length == 0 ? [] : ReadContents(name, element, new Wire(contents)));
    }

    /// <summary>Typed contents as raw little-endian bytes of the datatype.</summary>
    private static byte[] ReadContents(string name, TensorType type, Wire wire)
    {
        var output = new ArrayBufferWriter<byte>();
        while (wire.Next(out var field, out var wireType))
        {
            switch (field)
            {
                case 1 or 2 or 3 or 4 or 5 when wireType == 2:
                    var packed = new Wire(wire.Bytes(wireType));
                    while (!packed.IsEmpty)
                    {
                        Integer(output, name, type, packed.Varint());
                    }

                    break;
                case 1 or 2 or 3 or 4 or 5:
                    Integer(output, name, type, wire.Varint());
                    break;
                case 6 when type == TensorType.Float32:
                case 7 when type == TensorType.Float64:
                    output.Write(wireType == 2 ? wire.Bytes(wireType) : wire.Fixed(wireType));
                    break;
                case 8 when type == TensorType.Bytes:
                    var element = wire.Bytes(wireType);
                    BinaryPrimitives.WriteInt32LittleEndian(output.GetSpan(4), element.Length);
                    output.Advance(4);
                    output.Write(element);
                    break;
                default:
                    throw new ProtocolException(400, $"tensor '{name}' of {type.ProtocolName()} has contents of another type");
            }
        }

        return output.WrittenSpan.ToArray();
    }

    private static void Integer(ArrayBufferWriter<byte> output, string name, TensorType type, ulong value)
    {
        var size = type is TensorType.Bool or TensorType.Int8 or TensorType.Int16 or TensorType.Int32 or TensorType.Int64 or TensorType.UInt8 or TensorType.UInt16 or TensorType.UInt32 or TensorType.UInt64
            ? type.Size()
            : throw new ProtocolException(400, $"tensor '{name}' of {type.ProtocolName()} has integer contents");
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        output.Write(bytes[..size]);
    }

    private readonly record struct Pending(string Name, TensorType Type, long[] Shape, byte[] Contents);

    /// <summary>Reads the protobuf wire format; every departure from it is a <see cref="ProtocolException"/>.</summary>
    private ref struct Wire(ReadOnlySpan<byte> data)
    {
        private static readonly UTF8Encoding s_strict = new(false, throwOnInvalidBytes: true);
        private ReadOnlySpan<byte> _rest = data;

        public readonly bool IsEmpty => _rest.IsEmpty;

        public readonly ReadOnlySpan<byte> Rest => _rest;

        public bool Next(out int field, out int type)
        {
            (field, type) = (0, 0);
            if (_rest.IsEmpty)
            {
                return false;
            }

            var tag = Varint();
            (field, type) = ((int)(tag >> 3), (int)(tag & 7));
            return field > 0 ? true : throw Broken();
        }

        public ulong Varint()
        {
            ulong value = 0;
            for (var shift = 0; shift < 64; shift += 7)
            {
                if (_rest.IsEmpty)
                {
                    break;
                }

                var b = _rest[0];
                _rest = _rest[1..];
                value |= (ulong)(b & 0x7f) << shift;
                if (b < 0x80)
                {
                    return value;
                }
            }

            throw Broken();
        }

        public ReadOnlySpan<byte> Bytes(int type)
        {
            var length = type == 2 ? Varint() : throw Broken();
            if (length > (ulong)_rest.Length)
            {
                throw Broken();
            }

            var taken = _rest[..(int)length];
            _rest = _rest[(int)length..];
            return taken;
        }

        public ReadOnlySpan<byte> Fixed(int type)
        {
            var size = type switch { 1 => 8, 5 => 4, _ => throw Broken() };
            if (_rest.Length < size)
            {
                throw Broken();
            }

            var taken = _rest[..size];
            _rest = _rest[size..];
            return taken;
        }

        public string Text(int type)
        {
            try
            {
                return s_strict.GetString(Bytes(type));
            }
            catch (DecoderFallbackException)
            {
                throw Broken();
            }
        }

        public void Skip(int type)
        {
            switch (type)
            {
                case 0:
                    Varint();
                    break;
                case 2:
                    Bytes(type);
                    break;
                default:
                    Fixed(type);
                    break;
            }
        }

        private static ProtocolException Broken() => new(400, "the payload is not JSON that can be read, and no protobuf message of the Open Inference Protocol either");
    }
}
