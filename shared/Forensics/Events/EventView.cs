using System.Buffers.Binary;
using System.Text;

namespace Monitoring.Forensics;

/// <summary>
/// An <see cref="Contracts.InferenceEvent"/> read in place: one pass over the top-level fields notes where they are, nothing is copied or
/// allocated until it is asked for. Full scans spend their time here.
/// </summary>
public ref struct EventView
{
    private ReadOnlySpan<byte> _message;
    private Slice _id, _model, _version, _client, _requestId, _error;
    private InlineSlices _inputs, _outputs;

    /// <summary>Tensors beyond these are ignored by searches.</summary>
    public const int MaxTensors = 64;

    public long TimeUnixNano { get; private set; }

    public int Status { get; private set; }

    public long LatencyNano { get; private set; }

    public int Violations { get; private set; }

    public int InputCount { get; private set; }

    public int OutputCount { get; private set; }

    public readonly ReadOnlySpan<byte> Id => Span(_id);

    public readonly ReadOnlySpan<byte> Model => Span(_model);

    public readonly ReadOnlySpan<byte> Version => Span(_version);

    /// <summary>The whole message, for what a view does not hold.</summary>
    public readonly ReadOnlySpan<byte> Message => _message;

    public readonly ReadOnlySpan<byte> RequestId => Span(_requestId);

    public readonly ReadOnlySpan<byte> Error => Span(_error);

    /// <summary>Sealed id of the client; empty when unattributed.</summary>
    public readonly ReadOnlySpan<byte> Client
    {
        get
        {
            var client = Span(_client);
            for (var at = 0; at < client.Length;)
            {
                if (!ReadField(client, ref at, out var tag, out var slice, out _))
                {
                    break;
                }

                if (tag == 1)
                {
                    return client.Slice(slice.Start, slice.Length);
                }
            }

            return default;
        }
    }

    /// <summary>False when the bytes are no protobuf message.</summary>
    public static bool TryRead(ReadOnlySpan<byte> message, out EventView view)
    {
        view = default;
        view._message = message;
        for (var at = 0; at < message.Length;)
        {
            if (!ReadField(message, ref at, out var field, out var slice, out var number))
            {
                return false;
            }

            switch (field)
            {
                case 1:
                    view._id = slice;
                    break;
                case 2:
                    view.TimeUnixNano = (long)number;
                    break;
                case 3:
                    view._model = slice;
                    break;
                case 4:
                    view._version = slice;
                    break;
                case 5:
                    view._client = slice;
                    break;
                case 6:
                    view._requestId = slice;
                    break;
                case 7 when view.InputCount < MaxTensors:
                    view._inputs[view.InputCount++] = slice;
                    break;
                case 8 when view.OutputCount < MaxTensors:
                    view._outputs[view.OutputCount++] = slice;
                    break;
                case 9:
                    view.Status = (int)number;
                    break;
                case 10:
                    view._error = slice;
                    break;
                case 11:
                    view.LatencyNano = (long)number;
                    break;
                case 15:
                    view.Violations++;
                    break;
                default:
                    break;
            }
        }

        return true;
    }

    public readonly TensorView Input(int index) => TensorView.Read(Span(_inputs[index]));

    public readonly TensorView Output(int index) => TensorView.Read(Span(_outputs[index]));

    /// <summary>Value of an attribute; empty and false when it is absent.</summary>
    public readonly bool TryGetAttribute(ReadOnlySpan<byte> key, out ReadOnlySpan<byte> value)
    {
        for (var at = 0; at < _message.Length;)
        {
            if (!ReadField(_message, ref at, out var field, out var slice, out _))
            {
                break;
            }

            if (field != 14)
            {
                continue;
            }

            var attribute = _message.Slice(slice.Start, slice.Length);
            ReadOnlySpan<byte> name = default, text = default;
            for (var inner = 0; inner < attribute.Length;)
            {
                if (!ReadField(attribute, ref inner, out var part, out var partSlice, out _))
                {
                    break;
                }

                if (part == 1)
                {
                    name = attribute.Slice(partSlice.Start, partSlice.Length);
                }
                else if (part == 2)
                {
                    text = attribute.Slice(partSlice.Start, partSlice.Length);
                }
            }

            if (name.SequenceEqual(key))
            {
                value = text;
                return true;
            }
        }

        value = default;
        return false;
    }

    public static string Text(ReadOnlySpan<byte> utf8) => Encoding.UTF8.GetString(utf8);

    /// <summary>Reads one field. Length-delimited ones come as a slice, numbers as 64 bits.</summary>
    internal static bool ReadField(ReadOnlySpan<byte> message, ref int at, out int field, out Slice slice, out ulong number)
    {
        slice = default;
        number = 0;
        field = 0;
        if (!ReadVarint(message, ref at, out var tag))
        {
            return false;
        }

        field = (int)(tag >> 3);
        switch (tag & 7)
        {
            case 0:
                return ReadVarint(message, ref at, out number);
            case 1 when message.Length - at >= 8:
                number = BinaryPrimitives.ReadUInt64LittleEndian(message[at..]);
                at += 8;
                return true;
            case 2 when ReadVarint(message, ref at, out var length) && length <= (ulong)(message.Length - at):
                slice = new Slice(at, (int)length);
                at += (int)length;
                return true;
            case 5 when message.Length - at >= 4:
                number = BinaryPrimitives.ReadUInt32LittleEndian(message[at..]);
                at += 4;
                return true;
            default:
                return false;
        }
    }

    internal static bool ReadVarint(ReadOnlySpan<byte> message, ref int at, out ulong value)
    {
        value = 0;
        for (var shift = 0; shift < 64 && at < message.Length; shift += 7)
        {
            var b = message[at++];
            value |= (ulong)(b & 0x7f) << shift;
            if (b < 0x80)
            {
                return true;
            }
        }

        return false;
    }

    private readonly ReadOnlySpan<byte> Span(Slice slice) => _message.Slice(slice.Start, slice.Length);

    internal readonly record struct Slice(int Start, int Length);

    [System.Runtime.CompilerServices.InlineArray(MaxTensors)]
    private struct InlineSlices
    {
        private Slice _first;
    }
}
