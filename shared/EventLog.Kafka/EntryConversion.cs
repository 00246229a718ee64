using System.Buffers.Text;
using System.Runtime.InteropServices;
using Confluent.Kafka;

namespace Monitoring.EventLog.Kafka;

/// <summary>Between Kafka's messages and the log's records.</summary>
internal static class EntryConversion
{
    /// <summary>Times are milliseconds in Kafka. They are the broker's (LogAppendTime) and as monotone as its clock.</summary>
    private const long NanosecondsPerMillisecond = 1_000_000;

    public static Message<byte[], byte[]?> ToMessage(LogRecord record)
    {
        var message = new Message<byte[], byte[]?> { Key = Array(record.Key), Value = record.Value is { } value ? Array(value) : null };
        if (record.Headers.Count > 0)
        {
            message.Headers = [];
            for (var i = 0; i < record.Headers.Count; i++)
            {
                message.Headers.Add(record.Headers[i].Name, Array(record.Headers[i].Value));
            }
        }

        return message;
    }

    /// <summary>The record, under the topic's name in the log.</summary>
    public static LogEntry ToEntry(string topic, ConsumeResult<byte[], byte[]?> result)
    {
        var time = result.Message.Timestamp.UnixTimestampMs * NanosecondsPerMillisecond;
        LogHeader[] headers = [];
        if (result.Message.Headers is { Count: > 0 } source)
        {
            headers = new LogHeader[source.Count];
            for (var i = 0; i < headers.Length; i++)
            {
                var bytes = source[i].GetValueBytes() ?? [];
                headers[i] = new LogHeader(source[i].Key, bytes);
                if (source[i].Key == Contracts.Headers.LogTime && Utf8Parser.TryParse(bytes, out long carried, out var used) && used == bytes.Length)
                {
                    time = carried;
                }
            }
        }

        return new LogEntry(topic, result.Partition.Value, result.Offset.Value, time, result.Message.Key ?? [], result.Message.Value is { } value ? value : (ReadOnlyMemory<byte>?)null, headers);
    }

    /// <summary>Start of the millisecond at or after <paramref name="unixNano"/>.</summary>
    public static long ToMillisecondsUp(long unixNano) => (unixNano / NanosecondsPerMillisecond) + (unixNano % NanosecondsPerMillisecond > 0 ? 1 : 0);

    private static byte[] Array(ReadOnlyMemory<byte> memory) =>
        MemoryMarshal.TryGetArray(memory, out var segment) && segment.Offset == 0 && segment.Array!.Length == segment.Count ? segment.Array : memory.ToArray();
}
