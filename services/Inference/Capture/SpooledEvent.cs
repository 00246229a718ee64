using System.Buffers.Binary;
using System.Text;
using Google.Protobuf;
using Monitoring.Contracts;
using Monitoring.EventLog;

namespace Monitoring.Inference;

/// <summary>
/// An event as it lies in the spool: what the record of the log needs beside the payload (key, model, id, instance, traceparent,
/// time), each with its length, then the payload. The publisher needs not parse the event again.
/// </summary>
internal static class SpooledEvent
{
    private const byte FormatVersion = 1;
    private static readonly byte[] s_specVersion = "1.0"u8.ToArray();
    private static readonly byte[] s_type = Encoding.UTF8.GetBytes(EventTypes.Inference);
    private static readonly byte[] s_contentType = "application/protobuf"u8.ToArray();

    /// <summary>A frame with room for the spool's own header.</summary>
    public static int SizeOf(string key, InferenceEvent value, string traceParent) =>
        Spool.FrameHeader + 1 + 8 + (5 * 2)
        + Encoding.UTF8.GetByteCount(key) + Encoding.UTF8.GetByteCount(value.Model) + Encoding.UTF8.GetByteCount(value.Id)
        + Encoding.UTF8.GetByteCount(value.Source.Instance) + Encoding.UTF8.GetByteCount(traceParent) + value.CalculateSize();

    public static void Write(Span<byte> frame, string key, InferenceEvent value, string traceParent) =>
        value.WriteTo(frame[WriteHead(frame, key, value.Model, value.Id, value.Source.Instance, traceParent, value.TimeUnixNano)..]);

    /// <summary>Writes everything before the payload; returns where that begins.</summary>
    public static int WriteHead(Span<byte> frame, string key, string model, string id, string instance, string traceParent, long timeUnixNano)
    {
        var rest = frame[Spool.FrameHeader..];
        rest[0] = FormatVersion;
        BinaryPrimitives.WriteInt64LittleEndian(rest[1..], timeUnixNano);
        rest = rest[9..];
        rest = Text(rest, key);
        rest = Text(rest, model);
        rest = Text(rest, id);
        rest = Text(rest, instance);
        rest = Text(rest, traceParent);
        return frame.Length - rest.Length;
    }

    /// <summary>The record of the log (CloudEvents, Kafka binary mode) that a payload of the spool stands for; its memory is the payload's.</summary>
    public static LogRecord ToRecord(ReadOnlyMemory<byte> payload)
    {
        if (payload.Span[0] != FormatVersion)
        {
            throw new InvalidDataException($"the spool holds an event of format {payload.Span[0]}, this build reads {FormatVersion}");
        }

        var time = BinaryPrimitives.ReadInt64LittleEndian(payload.Span[1..]);
        var rest = payload[9..];
        var key = Take(ref rest);
        var model = Take(ref rest);
        var id = Take(ref rest);
        var instance = Take(ref rest);
        var trace = Take(ref rest);
        var headers = new LogHeader[trace.Length > 0 ? 8 : 7];
        headers[0] = new LogHeader(Headers.SpecVersion, s_specVersion);
        headers[1] = new LogHeader(Headers.Id, id);
        headers[2] = new LogHeader(Headers.Source, instance);
        headers[3] = new LogHeader(Headers.Type, s_type);
        headers[4] = new LogHeader(Headers.Time, FormatTimeUtf8(time));
        headers[5] = new LogHeader(Headers.Subject, model);
        headers[6] = new LogHeader(Headers.ContentType, s_contentType);
        if (trace.Length > 0)
        {
            headers[7] = new LogHeader(Headers.TraceParent, trace);
        }

        return new LogRecord(key, rest, headers);
    }

    /// <summary>RFC 3339 with nanoseconds.</summary>
    public static string FormatTime(long unixNano)
    {
        var (seconds, nanos) = Math.DivRem(unixNano, 1_000_000_000);
        return string.Create(
            System.Globalization.CultureInfo.InvariantCulture,
            $"{DateTimeOffset.FromUnixTimeSeconds(seconds):yyyy-MM-ddTHH:mm:ss}.{nanos:D9}Z");
    }

    /// <summary>As <see cref="FormatTime"/>, in ASCII.</summary>
    private static byte[] FormatTimeUtf8(long unixNano)
    {
        var (seconds, nanos) = Math.DivRem(unixNano, 1_000_000_000);
        if (nanos < 0)
        {
            return Encoding.ASCII.GetBytes(FormatTime(unixNano));
        }

        var text = new byte[30];
        DateTimeOffset.FromUnixTimeSeconds(seconds).TryFormat(text, out _, "yyyy-MM-ddTHH:mm:ss.", System.Globalization.CultureInfo.InvariantCulture);
        for (var i = 28; i > 19; i--)
        {
            (nanos, var digit) = Math.DivRem(nanos, 10);
            text[i] = (byte)('0' + digit);
        }

        text[29] = (byte)'Z';
        return text;
    }

    private static Span<byte> Text(Span<byte> target, string text)
    {
        var length = Encoding.UTF8.GetBytes(text, target[2..]);
        BinaryPrimitives.WriteUInt16LittleEndian(target, checked((ushort)length));
        return target[(2 + length)..];
    }

    private static ReadOnlyMemory<byte> Take(ref ReadOnlyMemory<byte> rest)
    {
        var length = BinaryPrimitives.ReadUInt16LittleEndian(rest.Span);
        var text = rest.Slice(2, length);
        rest = rest[(2 + length)..];
        return text;
    }
}
