using Google.Protobuf;
using Monitoring.Contracts;
using Monitoring.EventLog;
using Monitoring.Replay.Search;

namespace Monitoring.Replay.Evidence;

/// <summary>Finds the records that belong to findings: the findings themselves, their sample events, their explanations.</summary>
internal sealed class EvidenceSelection(IEventLog log)
{
    /// <summary>Ids of the explanations found by the last call.</summary>
    public IReadOnlyList<string> ExplanationIds { get; private set; } = [];

    /// <summary>Positions, without repeats.</summary>
    /// <exception cref="UsageException">The log holds no such finding.</exception>
    public async Task<IReadOnlyList<RecordPosition>> OfFindingsAsync(IReadOnlyCollection<string> findingIds, CancellationToken cancellationToken)
    {
        if (findingIds.Count == 0)
        {
            return [];
        }

        var wanted = findingIds.ToHashSet(StringComparer.Ordinal);
        var positions = new HashSet<RecordPosition>();
        var events = new HashSet<string>(StringComparer.Ordinal);
        await foreach (var (entry, finding) in FindingLog.ReadAsync(log, 0, long.MaxValue, cancellationToken).ConfigureAwait(false))
        {
            if (findingIds.Contains(finding.Id))
            {
                wanted.Remove(finding.Id);
                positions.Add(new RecordPosition(entry.Topic, entry.Partition, entry.Offset));
                events.UnionWith(finding.SampleEventIds);
            }
        }

        if (wanted.Count > 0)
        {
            throw new UsageException($"there is no finding {string.Join(", ", wanted)} in the log");
        }

        if (events.Count > 0)
        {
            var hits = await new EventSearch(log).SearchAsync(new SearchRequest { Ids = events, Limit = int.MaxValue }, cancellationToken).ConfigureAwait(false);
            positions.UnionWith(hits.Hits.Select(h => new RecordPosition(h.Entry.Topic, h.Entry.Partition, h.Entry.Offset)));
        }

        var explanations = new List<string>();
        var partitions = await log.GetPartitionCountAsync(Topics.Explanations, cancellationToken).ConfigureAwait(false);
        for (var p = 0; p < partitions; p++)
        {
            var offsets = await log.GetOffsetsAsync(Topics.Explanations, p, cancellationToken).ConfigureAwait(false);
            await foreach (var entry in log.ReadAsync(Topics.Explanations, p, offsets.Start, offsets.End, cancellationToken).ConfigureAwait(false))
            {
                if (Explanation(entry, findingIds) is { } id)
                {
                    explanations.Add(id);
                    positions.Add(new RecordPosition(entry.Topic, entry.Partition, entry.Offset));
                }
            }
        }

        ExplanationIds = explanations;
        return [.. positions.OrderBy(p => p.Topic, StringComparer.Ordinal).ThenBy(p => p.Partition).ThenBy(p => p.Offset)];
    }

    private static string? Explanation(LogEntry entry, IReadOnlyCollection<string> findingIds)
    {
        try
        {
            return entry.Value is { } value && Contracts.Explanation.Parser.ParseFrom(value.Span) is var explanation && findingIds.Contains(explanation.FindingId) ? explanation.Id : null;
        }
        catch (InvalidProtocolBufferException)
        {
            return null;
        }
    }
}
