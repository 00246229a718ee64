using System.Runtime.CompilerServices;
using Google.Protobuf;
using Monitoring.Contracts;
using Monitoring.EventLog;


namespace Monitoring.Forensics;

/// <summary>Reads findings from the log.</summary>
public static class FindingLog
{
    /// <summary>Findings made in a range of log time, partition after partition; what is no finding is passed over.</summary>
    public static async IAsyncEnumerable<(LogEntry Entry, Finding Finding)> ReadAsync(IEventLog log, long from, long to, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var partitions = await log.GetPartitionCountAsync(Topics.Findings, cancellationToken).ConfigureAwait(false);
        for (var p = 0; p < partitions; p++)
        {
            var (first, last) = await LogOffsets.InAsync(log, Topics.Findings, p, from, to, cancellationToken).ConfigureAwait(false);
            await foreach (var entry in log.ReadAsync(Topics.Findings, p, first, last, cancellationToken).ConfigureAwait(false))
            {
                if (TryParse(entry) is { } finding)
                {
                    yield return (entry, finding);
                }
            }
        }
    }

    private static Finding? TryParse(LogEntry entry)
    {
        try
        {
            return entry.Value is { } value ? Finding.Parser.ParseFrom(value.Span) : null;
        }
        catch (InvalidProtocolBufferException)
        {
            return null;
        }
    }
}
