using System.Numerics;
using System.Text;
using Google.Protobuf;
using Google.Protobuf.Collections;
using Monitoring.Contracts;
using Monitoring.Scoring;

namespace Monitoring.Inference;

/// <summary>
/// Writes the event of a call as it lies in the spool without making the message: byte for byte what <see cref="SpooledEvent.Write"/> makes of the
/// <see cref="InferenceEvent"/> (fields in the order of their numbers, defaults left out), in one pass, with no allocation. For calls that are one
/// record; larger ones are split, which takes the message.
/// </summary>
internal static class EventWriter
{
    /// <summary>Tags, varints and lengths of everything but texts and tensors.</summary>
    private const int Slack = 512;

    /// <summary>Bytes that the frame takes at most; more than <see cref="EventSplitter.MaxBytes"/> for calls that may not fit a record.</summary>
    public static long BoundOf(string key, string model, string instance, CapturedCall call, RepeatedField<SchemaViolation> violations, IReadOnlyList<Contracts.Attribute> attributes)
    {
        long texts = key.Length + (2L * model.Length) + (2L * instance.Length) + call.TraceParent.Length + (2L * call.Id.Length) + call.ModelVersion.Length + call.RequestId.Length + call.Error.Length;
        long bytes = Slack + call.Client.CalculateSize();
        foreach (var violation in violations)
        {
            bytes += 16 + violation.CalculateSize();
        }

        for (var i = 0; i < attributes.Count; i++)
        {
            bytes += 16 + attributes[i].CalculateSize();
        }

        return bytes + (3 * texts) + BoundOf(call.Inputs) + BoundOf(call.Outputs);
    }

    /// <summary>Writes the frame after room for the spool's own header; returns its whole length.</summary>
    /// <param name="frame">At least <see cref="BoundOf(string, string, string, CapturedCall, RepeatedField{SchemaViolation}, IReadOnlyList{Contracts.Attribute})"/> bytes.</param>
    /// <param name="key">Key of the record.</param>
    /// <param name="model">Model.</param>
    /// <param name="instance">This process.</param>
    /// <param name="start">Its start, nanoseconds since the epoch.</param>
    /// <param name="sequence">Number of the event.</param>
    /// <param name="call">The call.</param>
    /// <param name="violations">Departures from the schema.</param>
    /// <param name="attributes">Sorted by key.</param>
    public static int Write(
        Span<byte> frame, string key, string model, string instance, long start, ulong sequence, CapturedCall call, RepeatedField<SchemaViolation> violations, IReadOnlyList<Contracts.Attribute> attributes)
    {
        var at = SpooledEvent.WriteHead(frame, key, model, call.Id, instance, call.TraceParent, call.TimeUnixNano);
        var output = new Output(frame[at..]);
        output.Text(1, call.Id);
        output.Number(2, (ulong)call.TimeUnixNano);
        output.Text(3, model);
        output.Text(4, call.ModelVersion);
        output.Message(5, call.Client);
        output.Text(6, call.RequestId);
        Tensors(ref output, 7, call.Inputs);
        Tensors(ref output, 8, call.Outputs);
        output.Number(9, (ulong)(long)call.Status);
        output.Text(10, call.Error);
        output.Number(11, (ulong)call.LatencyNano);
        output.Begin(12, Output.SizeOfText(instance) + Output.SizeOfNumber((ulong)start) + Output.SizeOfNumber(sequence));
        output.Text(1, instance);
        output.Number(2, (ulong)start);
        output.Number(3, sequence);
        for (var i = 0; i < attributes.Count; i++)
        {
            output.Message(14, attributes[i]);
        }

        foreach (var violation in violations)
        {
            output.Message(15, violation);
        }

        return at + output.Length;
    }

    private static long BoundOf(IReadOnlyList<ScoringTensor> tensors)
    {
        long bytes = 0;
        for (var i = 0; i < tensors.Count; i++)
        {
            bytes += 64 + (3L * tensors[i].Name.Length) + (10L * tensors[i].Shape.Length) + tensors[i].Data.Length;
        }

        return bytes;
    }

    private static void Tensors(ref Output output, int field, IReadOnlyList<ScoringTensor> tensors)
    {
        for (var i = 0; i < tensors.Count; i++)
        {
            var tensor = tensors[i];
            var type = tensor.Type.ProtocolName();
            var packed = 0;
            foreach (var dimension in tensor.Shape)
            {
                packed += Output.SizeOfVarint((ulong)dimension);
            }

            var length = Output.SizeOfText(tensor.Name) + Output.SizeOfText(type)
                + (packed == 0 ? 0 : 1 + Output.SizeOfVarint((ulong)packed) + packed)
                + (tensor.Data.Length == 0 ? 0 : 1 + Output.SizeOfVarint((ulong)tensor.Data.Length) + tensor.Data.Length);
            output.Begin(field, length);
            output.Text(1, tensor.Name);
            output.Text(2, type);
            if (packed > 0)
            {
                output.Begin(3, packed);
                foreach (var dimension in tensor.Shape)
                {
                    output.Varint((ulong)dimension);
                }
            }

            output.Bytes(4, tensor.Data.Span);
        }
    }

    /// <summary>The protobuf wire format: https://protobuf.dev/programming-guides/encoding. Field numbers below 16 only: their tags take one byte.</summary>
    private ref struct Output(Span<byte> target)
    {
        private readonly Span<byte> _target = target;

        public int Length { get; private set; }

        public static int SizeOfVarint(ulong value) => (BitOperations.Log2(value | 1) / 7) + 1;

        public static int SizeOfNumber(ulong value) => value == 0 ? 0 : 1 + SizeOfVarint(value);

        public static int SizeOfText(string text)
        {
            var length = Encoding.UTF8.GetByteCount(text);
            return length == 0 ? 0 : 1 + SizeOfVarint((ulong)length) + length;
        }

        public void Varint(ulong value)
        {
            while (value >= 0x80)
            {
                _target[Length++] = (byte)(value | 0x80);
                value >>= 7;
            }

            _target[Length++] = (byte)value;
        }

        public void Number(int field, ulong value)
        {
            if (value != 0)
            {
                _target[Length++] = (byte)(field << 3);
                Varint(value);
            }
        }

        /// <summary>A field of that many bytes, which follow.</summary>
        public void Begin(int field, int length)
        {
            _target[Length++] = (byte)((field << 3) | 2);
            Varint((ulong)length);
        }

        public void Text(int field, string text)
        {
            if (text.Length > 0)
            {
                Begin(field, Encoding.UTF8.GetByteCount(text));
                Length += Encoding.UTF8.GetBytes(text, _target[Length..]);
            }
        }

        public void Bytes(int field, ReadOnlySpan<byte> bytes)
        {
            if (bytes.Length > 0)
            {
                Begin(field, bytes.Length);
                bytes.CopyTo(_target[Length..]);
                Length += bytes.Length;
            }
        }

        public void Message(int field, IMessage message)
        {
            var size = message.CalculateSize();
            Begin(field, size);
            message.WriteTo(_target.Slice(Length, size));
            Length += size;
        }
    }
}
