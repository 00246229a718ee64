using System.Security.Cryptography;
using System.Text;
using Microsoft.EntityFrameworkCore;
using Monitoring.Contracts;
using Monitoring.EventLog;
using Monitoring.Storage;

namespace Monitoring.Alerting.Evidence;

/// <summary>Copies the sample events of an incident's findings out of the log, with their hashes, before retention takes them.</summary>
internal sealed class EvidencePinner(MonitoringDatabase database, IEventLog log, AlertingMetrics metrics, TimeProvider time)
{
    /// <summary>Records read backwards from the finding before the search ends.</summary>
    private const long MaxBack = 200_000;

    private const int Window = 4096;
    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(500);

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            if (await PinNextAsync(cancellationToken).ConfigureAwait(false) == 0)
            {
                await Task.Delay(s_interval, time, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Works off the oldest findings that wait. Returns how many.</summary>
    public async Task<int> PinNextAsync(CancellationToken cancellationToken)
    {
        var waiting = await database.ReadAsync(
            (context, token) => context.IncidentFindings
                .Where(f => f.Pin == PinState.Pending)
                .OrderBy(f => f.TimeUnixNano)
                .Take(16)
                .ToListAsync(token),
            cancellationToken).ConfigureAwait(false);
        foreach (var row in waiting)
        {
            var finding = Finding.Parser.ParseFrom(row.Payload);
            var wanted = finding.SampleEventIds.ToHashSet(StringComparer.Ordinal);
            var found = await FindAsync(finding, wanted, cancellationToken).ConfigureAwait(false);
            var complete = found.Count == wanted.Count;
            await database.WriteAsync(
                async (context, token) =>
                {
                    var present = await context.PinnedEvidence.Where(p => p.IncidentId == row.IncidentId).Select(p => p.EventId).ToListAsync(token).ConfigureAwait(false);
                    foreach (var (id, entry) in found.Where(f => !present.Contains(f.Key, StringComparer.Ordinal)))
                    {
                        var payload = entry.Value!.Value.ToArray();
                        context.PinnedEvidence.Add(new PinnedEvidence
                        {
                            IncidentId = row.IncidentId,
                            EventId = id,
                            Topic = entry.Topic,
                            Partition = entry.Partition,
                            Offset = entry.Offset,
                            TimeUnixNano = entry.TimeUnixNano,
                            Payload = payload,
                            Sha256 = Convert.ToHexStringLower(SHA256.HashData(payload)),
                        });
                    }

                    await context.IncidentFindings
                        .Where(f => f.IncidentId == row.IncidentId && f.FindingId == row.FindingId)
                        .ExecuteUpdateAsync(set => set.SetProperty(f => f.Pin, complete ? PinState.Pinned : PinState.Incomplete), token).ConfigureAwait(false);
                },
                cancellationToken).ConfigureAwait(false);
            metrics.Pinned(found.Count, wanted.Count - found.Count);
        }

        return waiting.Count;
    }

    private async Task<Dictionary<string, LogEntry>> FindAsync(Finding finding, HashSet<string> wanted, CancellationToken cancellationToken)
    {
        var found = new Dictionary<string, LogEntry>(StringComparer.Ordinal);
        var position = finding.Position;
        OffsetRange range;
        try
        {
            range = await log.GetOffsetsAsync(position.InputTopic, position.InputPartition, cancellationToken).ConfigureAwait(false);
        }
        catch (UnknownTopicException)
        {
            return found;
        }

        var to = Math.Min(position.InputOffset + 1, range.End);
        var floor = Math.Max(range.Start, to - MaxBack);
        while (to > floor && found.Count < wanted.Count)
        {
            var from = Math.Max(floor, to - Window);
            await foreach (var entry in log.ReadAsync(position.InputTopic, position.InputPartition, from, to, cancellationToken).ConfigureAwait(false))
            {
                if (entry.Value is not null && IdOf(entry) is { } id && wanted.Contains(id))
                {
                    found.TryAdd(id, entry);
                }
            }

            to = from;
        }

        return found;
    }

    private static string? IdOf(LogEntry entry)
    {
        foreach (var header in entry.Headers)
        {
            if (header.Name == Headers.Id)
            {
                return Encoding.UTF8.GetString(header.Value.Span);
            }
        }

        return null;
    }
}
