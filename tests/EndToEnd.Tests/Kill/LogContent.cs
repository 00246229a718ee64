using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using Monitoring.Contracts;
using Monitoring.EventLog;

namespace Monitoring.EndToEnd.Tests.Kill;

/// <summary>What a log holds.</summary>
internal static class LogContent
{
    /// <summary>Canonical bytes of the findings by id. A finding that was appended again after a kill must be the same bytes.</summary>
    public static async Task<SortedDictionary<string, string>> FindingsAsync(IEventLog log, CancellationToken token)
    {
        var result = new SortedDictionary<string, string>(StringComparer.Ordinal);
        await foreach (var entry in ReadAsync(log, Topics.Findings, token))
        {
            var finding = Finding.Parser.ParseFrom(entry.Value!.Value.Span);
            var bytes = Convert.ToHexString(entry.Value.Value.Span);
            if (!result.TryAdd(finding.Id, bytes))
            {
                Assert.Equal(result[finding.Id], bytes);
            }
        }

        return result;
    }

    public static async Task<List<InferenceEvent>> EventsAsync(IEventLog log, CancellationToken token)
    {
        var result = new List<InferenceEvent>();
        await foreach (var entry in ReadAsync(log, Topics.InferenceEvents, token))
        {
            result.Add(InferenceEvent.Parser.ParseFrom(entry.Value!.Value.Span));
        }

        return result;
    }

    /// <summary>Records of a topic, where nothing was retired.</summary>
    public static async Task<long> CountAsync(IEventLog log, string topic, CancellationToken token)
    {
        var count = 0L;
        for (var partition = 0; partition < await log.GetPartitionCountAsync(topic, token); partition++)
        {
            count += (await log.GetOffsetsAsync(topic, partition, token)).End;
        }

        return count;
    }

    /// <summary>Puts what a topic holds into another log: the same partitions, offsets and log times.</summary>
    public static async Task CopyAsync(IEventLog source, IEventLog target, TopicDefinition topic, CancellationToken token)
    {
        await target.EnsureTopicAsync(topic, token);
        for (var partition = 0; partition < topic.Partitions; partition++)
        {
            var range = await source.GetOffsetsAsync(topic.Name, partition, token);
            Assert.Equal(0, range.Start);
            var records = new List<LogRecord>();
            await foreach (var entry in source.ReadAsync(topic.Name, partition, range.Start, range.End, token))
            {
                Assert.Equal(records.Count, entry.Offset);
                records.Add(new LogRecord(entry.Key, entry.Value, [.. entry.Headers, new LogHeader(Headers.LogTime, Encoding.ASCII.GetBytes(entry.TimeUnixNano.ToString(CultureInfo.InvariantCulture)))], partition));
            }

            if (records.Count > 0)
            {
                await target.AppendAsync(topic.Name, records, token);
            }
        }
    }

    private static async IAsyncEnumerable<LogEntry> ReadAsync(IEventLog log, string topic, [EnumeratorCancellation] CancellationToken token)
    {
        for (var partition = 0; partition < await log.GetPartitionCountAsync(topic, token); partition++)
        {
            var range = await log.GetOffsetsAsync(topic, partition, token);
            await foreach (var entry in log.ReadAsync(topic, partition, range.Start, range.End, token))
            {
                yield return entry;
            }
        }
    }
}
