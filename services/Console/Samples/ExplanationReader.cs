using Google.Protobuf;
using Monitoring.Contracts;
using Monitoring.EventLog;

namespace Monitoring.WebConsole.Samples;

/// <summary>Finds the explanations of findings in the log.</summary>
internal sealed class ExplanationReader(IEventLog log)
{
    private const int MaxRecords = 4096;
    private const int MaxFound = 6;

    /// <param name="findings">Ids of the findings.</param>
    /// <param name="fromUnixNano">Nothing was explained before.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>Oldest first; none where the log is away or has forgotten them.</returns>
    public async Task<IReadOnlyList<Explanation>> FindAsync(IReadOnlySet<string> findings, long fromUnixNano, CancellationToken cancellationToken)
    {
        var found = new List<Explanation>();
        try
        {
            var partitions = await log.GetPartitionCountAsync(Topics.Explanations, cancellationToken).ConfigureAwait(false);
            for (var partition = 0; partition < partitions && found.Count < MaxFound; partition++)
            {
                var start = await log.FindOffsetAsync(Topics.Explanations, partition, fromUnixNano, cancellationToken).ConfigureAwait(false);
                var range = await log.GetOffsetsAsync(Topics.Explanations, partition, cancellationToken).ConfigureAwait(false);
                await foreach (var entry in log.ReadAsync(Topics.Explanations, partition, start, Math.Min(range.End, start + MaxRecords), cancellationToken).ConfigureAwait(false))
                {
                    if (entry.Value is { } value && Parse(value) is { } explanation && findings.Contains(explanation.FindingId))
                    {
                        found.Add(explanation);
                        if (found.Count == MaxFound)
                        {
                            break;
                        }
                    }
                }
            }
        }
        catch (EventLogException)
        {
            // The incident is worth showing without them: the log may be what is broken.
        }

        return found;
    }

    private static Explanation? Parse(ReadOnlyMemory<byte> value)
    {
        try
        {
            return Explanation.Parser.ParseFrom(value.Span);
        }
        catch (InvalidProtocolBufferException)
        {
            return null;
        }
    }
}
