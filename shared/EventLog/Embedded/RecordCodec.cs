using System.Buffers.Text;
using System.Text;
using Monitoring.Contracts;

namespace Monitoring.EventLog.Embedded;

/// <summary>
/// A record as one blob: key length and key, number of headers and for each name length, name, value length, value; then 0 for a tombstone
/// or 1 and the value, which takes the rest. Lengths are LEB128 varints, names UTF-8.
/// </summary>
internal sealed class RecordCodec
{
    /// <summary>Header names repeat in every record: the strings are made once.</summary>
    private readonly string?[] _names = new string?[256];

    public static int SizeOf(LogRecord record)
    {
        var size = VarintSize(record.Key.Length) + record.Key.Length + VarintSize(record.Headers.Count) + 1 + (record.Value?.Length ?? 0);
        for (var i = 0; i < record.Headers.Count; i++)
        {
            var header = record.Headers[i];
            var name = Encoding.UTF8.GetByteCount(header.Name);
            size += VarintSize(name) + name + VarintSize(header.Value.Length) + header.Value.Length;
        }

        return size;
    }

    /// <summary>Writes the record at the start of <paramref name="target"/>, which is at least <see cref="SizeOf"/> bytes long; returns that size.</summary>
    public static int Encode(LogRecord record, Span<byte> target)
    {
        var at = WriteVarint(target, record.Key.Length);
        record.Key.Span.CopyTo(target[at..]);
        at += record.Key.Length;
        at += WriteVarint(target[at..], record.Headers.Count);
        for (var i = 0; i < record.Headers.Count; i++)
        {
            var header = record.Headers[i];
            at += WriteVarint(target[at..], Encoding.UTF8.GetByteCount(header.Name));
            at += Encoding.UTF8.GetBytes(header.Name, target[at..]);
            at += WriteVarint(target[at..], header.Value.Length);
            header.Value.Span.CopyTo(target[at..]);
            at += header.Value.Length;
        }

        target[at++] = record.Value is null ? (byte)0 : (byte)1;
        if (record.Value is { } value)
        {
            value.Span.CopyTo(target[at..]);
            at += value.Length;
        }

        return at;
    }

    /// <summary>Key of an encoded record.</summary>
    public static ReadOnlySpan<byte> KeyOf(ReadOnlySpan<byte> body)
    {
        var length = ReadVarint(body, out var at);
        return body.Slice(at, length);
    }

    /// <summary>Whether an encoded record has no value.</summary>
    public static bool IsTombstone(ReadOnlySpan<byte> body)
    {
        var length = ReadVarint(body, out var at);
        at += length;
        var headers = ReadVarint(body[at..], out var read);
        at += read;
        for (var i = 0; i < headers * 2; i++)
        {
            length = ReadVarint(body[at..], out read);
            at += read + length;
        }

        return body[at] == 0;
    }

    /// <summary>The record; its parts are slices of <paramref name="body"/>.</summary>
    public LogEntry Decode(string topic, int partition, long offset, long appendTime, ReadOnlyMemory<byte> body)
    {
        var span = body.Span;
        var length = ReadVarint(span, out var at);
        var key = body.Slice(at, length);
        at += length;
        var count = ReadVarint(span[at..], out var read);
        at += read;
        var headers = count == 0 ? [] : new LogHeader[count];
        var time = appendTime;
        for (var i = 0; i < count; i++)
        {
            length = ReadVarint(span[at..], out read);
            at += read;
            var name = Name(span.Slice(at, length));
            at += length;
            length = ReadVarint(span[at..], out read);
            at += read;
            headers[i] = new LogHeader(name, body.Slice(at, length));
            if (name == Headers.LogTime && Utf8Parser.TryParse(span.Slice(at, length), out long carried, out var used) && used == length)
            {
                time = carried;
            }

            at += length;
        }

        // A plain null would become an empty memory: byte[] converts to it.
        ReadOnlyMemory<byte>? value = span[at] == 0 ? (ReadOnlyMemory<byte>?)null : body[(at + 1)..];
        return new LogEntry(topic, partition, offset, time, key, value, headers);
    }

    private static int VarintSize(int value)
    {
        var size = 1;
        for (var v = (uint)value; v >= 0x80; v >>= 7)
        {
            size++;
        }

        return size;
    }

    private static int WriteVarint(Span<byte> target, int value)
    {
        var at = 0;
        var v = (uint)value;
        while (v >= 0x80)
        {
            target[at++] = (byte)(v | 0x80);
            v >>= 7;
        }

        target[at++] = (byte)v;
        return at;
    }

    private static int ReadVarint(ReadOnlySpan<byte> source, out int read)
    {
        uint value = 0;
        read = 0;
        byte b;
        do
        {
            b = source[read];
            value |= (uint)(b & 0x7f) << (7 * read);
            read++;
        }
        while (b >= 0x80);
        return (int)value;
    }

    private string Name(ReadOnlySpan<byte> utf8)
    {
        var slot = utf8.Length == 0 ? 0 : (utf8.Length * 31) + (utf8[^1] * 7) + utf8[utf8.Length / 2] & 0xff;
        var known = Volatile.Read(ref _names[slot]);
        if (known is not null && Matches(known, utf8))
        {
            return known;
        }

        var name = Encoding.UTF8.GetString(utf8);
        Volatile.Write(ref _names[slot], name);
        return name;
    }

    private static bool Matches(string name, ReadOnlySpan<byte> utf8)
    {
        if (name.Length != utf8.Length)
        {
            return false;
        }

        for (var i = 0; i < utf8.Length; i++)
        {
            if (utf8[i] >= 0x80 || name[i] != utf8[i])
            {
                return false;
            }
        }

        return true;
    }
}
