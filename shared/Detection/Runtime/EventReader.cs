using System.Text;
using System.Text.Unicode;
using Google.Protobuf;
using Monitoring.Contracts;
using Monitoring.EventLog;

namespace Monitoring.Detection;

/// <summary>
/// Reads events without making their objects: strings that repeat are made once, tensors stay where they are. It knows the encoding that writers of protobuf use.
/// What is legal and unusual (a message in two pieces, outputs before inputs, groups) is parsed by the protobuf library, written anew and then read, so that exactly
/// what the library accepts is accepted. One event costs one string, its id. Not safe for use by several threads at once.
/// </summary>
internal sealed class EventReader
{
    private const int InternBits = 12;
    private static readonly MessageParser<InferenceEvent> s_withoutUnknown = InferenceEvent.Parser.WithDiscardUnknownFields(true);
    private readonly string?[] _strings = new string?[1 << InternBits];
    private readonly long[] _shape = new long[16];
    private TensorRange[] _tensors = new TensorRange[64];
    private int _count;

    /// <summary>Tensors of the events read since <see cref="Reset"/>.</summary>
    public ReadOnlySpan<TensorRange> Tensors => _tensors.AsSpan(0, _count);

    /// <summary>Forgets the tensors of the events so far.</summary>
    public void Reset() => _count = 0;

    /// <summary>Reads an event. False with the reason when nobody could: it belongs to the dead letters.</summary>
    public bool TryRead(LogEntry entry, out DecodedEvent decoded, out string reason)
    {
        decoded = default;
        if (entry.Value is not { } value)
        {
            reason = "the record has no value";
            return false;
        }

        if (!TryRead(value, entry.Offset, entry.TimeUnixNano, out decoded))
        {
            try
            {
                value = s_withoutUnknown.ParseFrom(InferenceEvent.Parser.ParseFrom(value.Span).ToByteArray()).ToByteArray();
            }
            catch (InvalidProtocolBufferException e)
            {
                reason = e.Message;
                return false;
            }

            if (!TryRead(value, entry.Offset, entry.TimeUnixNano, out decoded))
            {
                throw new InvalidOperationException($"an event of {value.Length} bytes that the protobuf library wrote cannot be read");
            }
        }

        reason = decoded.Id.Length == 0 ? "the event has no id" : decoded.Model.Length == 0 ? "the event names no model" : "";
        return reason.Length == 0;
    }

    private bool TryRead(ReadOnlyMemory<byte> bytes, long offset, long timeUnixNano, out DecodedEvent decoded)
    {
        decoded = default;
        var first = _count;
        var head = default(Head);
        if (!TryRead(bytes.Span, ref head))
        {
            _count = first;
            return false;
        }

        decoded = new DecodedEvent
        {
            Bytes = bytes,
            Id = head.Id ?? "",
            Model = head.Model ?? "",
            Version = head.Version ?? "",
            Client = head.Client ?? "",
            Facts = new EventFacts(head.Instance, head.Start, head.Sequence, head.Status < 400 && !head.HasError && !head.HasViolations),
            FirstTensor = first,
            Inputs = head.Inputs,
            Outputs = head.Outputs,
            Offset = offset,
            TimeUnixNano = timeUnixNano,
        };
        return true;
    }

    private bool TryRead(ReadOnlySpan<byte> all, ref Head head)
    {
        var fields = new Fields(all, 0, all.Length);
        while (fields.Next())
        {
            switch (fields.Tag)
            {
                case (1 << 3) | 2:
                    if (!Utf8.IsValid(fields.Bytes))
                    {
                        return false;
                    }

                    head.Id = Encoding.UTF8.GetString(fields.Bytes);
                    break;
                case (2 << 3) | 0 or (11 << 3) | 0:
                    break;
                case (3 << 3) | 2:
                    if ((head.Model = Intern(fields.Bytes)) is null)
                    {
                        return false;
                    }

                    break;
                case (4 << 3) | 2:
                    if ((head.Version = Intern(fields.Bytes)) is null)
                    {
                        return false;
                    }

                    break;
                case (6 << 3) | 2:
                    if (!Utf8.IsValid(fields.Bytes))
                    {
                        return false;
                    }

                    break;
                case (5 << 3) | 2:
                    if (head.Client is not null || !TryReadClient(all, fields, ref head))
                    {
                        return false;
                    }

                    break;
                case (7 << 3) | 2:
                    if (head.Outputs > 0 || !TryReadTensor(all, fields))
                    {
                        return false;
                    }

                    head.Inputs++;
                    break;
                case (8 << 3) | 2:
                    if (!TryReadTensor(all, fields))
                    {
                        return false;
                    }

                    head.Outputs++;
                    break;
                case (9 << 3) | 0:
                    head.Status = (int)fields.Value;
                    break;
                case (10 << 3) | 2:
                    if (!Utf8.IsValid(fields.Bytes))
                    {
                        return false;
                    }

                    head.HasError = fields.Length > 0;
                    break;
                case (12 << 3) | 2:
                    if (head.Instance is not null || !TryReadSource(all, fields, ref head))
                    {
                        return false;
                    }

                    break;
                case (13 << 3) | 2:
                    if (head.HasPart || !Holds(all, fields, numbers: 0b1110, texts: 0b1_0000))
                    {
                        return false;
                    }

                    head.HasPart = true;
                    break;
                case (14 << 3) | 2:
                    if (!Holds(all, fields, numbers: 0, texts: 0b110))
                    {
                        return false;
                    }

                    break;
                case (15 << 3) | 2:
                    if (!Holds(all, fields, numbers: 0, texts: 0b1110))
                    {
                        return false;
                    }

                    head.HasViolations = true;
                    break;
                default:
                    if (fields.Tag >> 3 <= 15)
                    {
                        return false;
                    }

                    break;
            }
        }

        return fields.IsWhole;
    }

    /// <summary>A message of numbers and texts only, each field known by its bit.</summary>
    private static bool Holds(ReadOnlySpan<byte> all, in Fields outer, uint numbers, uint texts)
    {
        var fields = new Fields(all, outer.At, outer.At + outer.Length);
        while (fields.Next())
        {
            var field = 1u << (int)Math.Min(fields.Tag >> 3, 31);
            var allowed = (fields.Tag & 7) switch { 0 => numbers, 2 => texts, _ => 0u };
            if (((numbers | texts) & field) != 0 && ((allowed & field) == 0 || ((texts & field) != 0 && !Utf8.IsValid(fields.Bytes))))
            {
                return false;
            }
        }

        return fields.IsWhole;
    }

    private bool TryReadClient(ReadOnlySpan<byte> all, in Fields outer, ref Head head)
    {
        head.Client = "";
        var fields = new Fields(all, outer.At, outer.At + outer.Length);
        while (fields.Next())
        {
            var isText = (fields.Tag & 7) == 2;
            if (fields.Tag >> 3 <= 4 && !(isText && (fields.Tag >> 3 == 1 ? (head.Client = Intern(fields.Bytes)) is not null : Utf8.IsValid(fields.Bytes))))
            {
                return false;
            }
        }

        return fields.IsWhole;
    }

    private bool TryReadSource(ReadOnlySpan<byte> all, in Fields outer, ref Head head)
    {
        head.Instance = "";
        var fields = new Fields(all, outer.At, outer.At + outer.Length);
        while (fields.Next())
        {
            switch (fields.Tag)
            {
                case (1 << 3) | 2:
                    if ((head.Instance = Intern(fields.Bytes)) is null)
                    {
                        return false;
                    }

                    break;
                case (2 << 3) | 0:
                    head.Start = (long)fields.Value;
                    break;
                case (3 << 3) | 0:
                    head.Sequence = fields.Value;
                    break;
                default:
                    if (fields.Tag >> 3 <= 3)
                    {
                        return false;
                    }

                    break;
            }
        }

        return fields.IsWhole;
    }

    private bool TryReadTensor(ReadOnlySpan<byte> all, in Fields outer)
    {
        int nameAt = 0, nameLength = 0, dataAt = 0, dataLength = 0, dimensions = 0;
        var type = ElementType.Unknown;
        var elsewhere = false;
        var fields = new Fields(all, outer.At, outer.At + outer.Length);
        while (fields.Next())
        {
            switch (fields.Tag)
            {
                case (1 << 3) | 2:
                    if (!Utf8.IsValid(fields.Bytes))
                    {
                        return false;
                    }

                    (nameAt, nameLength) = (fields.At, fields.Length);
                    break;
                case (2 << 3) | 2:
                    type = TensorReader.TypeOf(fields.Bytes);
                    if (type == ElementType.Unknown && !Utf8.IsValid(fields.Bytes))
                    {
                        return false;
                    }

                    break;
                case (3 << 3) | 0:
                    if (dimensions == _shape.Length)
                    {
                        return false;
                    }

                    _shape[dimensions++] = (long)fields.Value;
                    break;
                case (3 << 3) | 2:
                    var packed = fields.Bytes;
                    for (var at = 0; at < packed.Length;)
                    {
                        if (dimensions == _shape.Length || !Fields.TryReadVarint(packed, ref at, out var dimension))
                        {
                            return false;
                        }

                        _shape[dimensions++] = (long)dimension;
                    }

                    break;
                case (4 << 3) | 2:
                    (dataAt, dataLength) = (fields.At, fields.Length);
                    break;
                case (5 << 3) | 2:
                    if (elsewhere || !Holds(all, fields, numbers: 0b100, texts: 0b10))
                    {
                        return false;
                    }

                    elsewhere = true;
                    break;
                default:
                    if (fields.Tag >> 3 <= 5)
                    {
                        return false;
                    }

                    break;
            }
        }

        if (!fields.IsWhole)
        {
            return false;
        }

        if (_count == _tensors.Length)
        {
            Array.Resize(ref _tensors, 2 * _count);
        }

        var shape = _shape.AsSpan(0, dimensions);
        _tensors[_count++] = new TensorRange(
            nameAt, nameLength, type, TensorReader.Rows(shape), elsewhere ? -1 : TensorReader.Elements(type, shape, dataLength), dataAt, dataLength);
        return true;
    }

    /// <summary>The string, the same object for equal bytes as long as nothing else took its place; null where the bytes are no text.</summary>
    private string? Intern(ReadOnlySpan<byte> utf8)
    {
        if (utf8.IsEmpty)
        {
            return "";
        }

        ref var slot = ref _strings[(int)(StableHash.Of(utf8) >> (64 - InternBits))];
        if (slot is not null && slot.Length == utf8.Length && Ascii.Equals(utf8, slot))
        {
            return slot;
        }

        return Utf8.IsValid(utf8) ? slot = Encoding.UTF8.GetString(utf8) : null;
    }

    private struct Head
    {
        public string? Id;
        public string? Model;
        public string? Version;
        public string? Client;
        public string? Instance;
        public long Start;
        public ulong Sequence;
        public int Status;
        public int Inputs;
        public int Outputs;
        public bool HasError;
        public bool HasViolations;
        public bool HasPart;
    }

    /// <summary>Walks over the fields of a message that lies in a span of bytes. Groups and damaged fields end the walk before the end.</summary>
    private ref struct Fields(ReadOnlySpan<byte> all, int start, int end)
    {
        private readonly ReadOnlySpan<byte> _all = all;
        private int _next = start;

        public uint Tag { get; private set; }

        /// <summary>Of a number.</summary>
        public ulong Value { get; private set; }

        /// <summary>Where the bytes of a length-delimited field start.</summary>
        public int At { get; private set; }

        public int Length { get; private set; }

        public readonly ReadOnlySpan<byte> Bytes => _all.Slice(At, Length);

        /// <summary>Whether the walk ended at the end of the message.</summary>
        public readonly bool IsWhole => _next == end;

        public bool Next()
        {
            if (_next >= end)
            {
                return false;
            }

            var within = _all[..end];
            var at = _next;
            if (!TryReadVarint(within, ref at, out var tag) || tag > uint.MaxValue || tag >> 3 == 0)
            {
                return false;
            }

            Tag = (uint)tag;
            switch (tag & 7)
            {
                case 0:
                    if (!TryReadVarint(within, ref at, out var value))
                    {
                        return false;
                    }

                    Value = value;
                    break;
                case 1:
                    at += 8;
                    break;
                case 2:
                    if (!TryReadVarint(within, ref at, out var length) || length > (ulong)(end - at))
                    {
                        return false;
                    }

                    At = at;
                    Length = (int)length;
                    at += (int)length;
                    break;
                case 5:
                    at += 4;
                    break;
                default:
                    return false;
            }

            if (at > end)
            {
                return false;
            }

            _next = at;
            return true;
        }

        public static bool TryReadVarint(ReadOnlySpan<byte> source, ref int at, out ulong value)
        {
            value = 0;
            for (var shift = 0; shift < 64; shift += 7)
            {
                if ((uint)at >= (uint)source.Length)
                {
                    return false;
                }

                var b = source[at++];
                value |= (ulong)(b & 0x7f) << shift;
                if (b < 0x80)
                {
                    return true;
                }
            }

            return false;
        }
    }
}
