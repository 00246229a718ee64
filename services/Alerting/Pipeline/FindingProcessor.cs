using System.Globalization;
using System.Text;
using Google.Protobuf;
using Microsoft.EntityFrameworkCore;
using Monitoring.Contracts;
using Monitoring.EventLog;
using Monitoring.Storage;

namespace Monitoring.Alerting.Pipeline;

/// <summary>
/// Works off one partition of <c>monitoring.findings</c>. A batch's effect (incidents, outbox rows, high-water marks, the
/// position in the topic) commits in one transaction; what a kill makes appear again is below a mark and changes nothing.
/// </summary>
internal sealed class FindingProcessor(
    PartitionAssignment assignment,
    IEventLog log,
    MonitoringDatabase database,
    FindingInjector injector,
    AlertingMetrics metrics,
    OutboxSignal signal,
    TimeProvider time) : IPartitionProcessor
{
    public const string Consumer = "alerting";

    public async ValueTask<long?> StartAsync(CancellationToken cancellationToken)
    {
        var position = await database.ReadAsync(
            (context, token) => context.HighWaterMarks
                .Where(m => m.Consumer == Consumer && m.Topic == assignment.Topic && m.Partition == assignment.Partition && m.SourceGroup == "" && m.SourceTopic == "")
                .Select(m => (long?)m.Offset)
                .FirstOrDefaultAsync(token),
            cancellationToken).ConfigureAwait(false);
        if (position is not { } next)
        {
            return null;
        }

        var range = await log.GetOffsetsAsync(assignment.Topic, assignment.Partition, cancellationToken).ConfigureAwait(false);
        if (next > range.End)
        {
            throw new EventLogException(
                string.Create(CultureInfo.InvariantCulture, $"the database holds the effect of {assignment.Topic}/{assignment.Partition} up to offset {next}, but the log ends at {range.End}: the log was replaced or cut. Restore it, or move the database away to start anew"),
                isTransient: false);
        }

        if (next < range.Start)
        {
            await RecordLossAsync(next, range.Start, cancellationToken).ConfigureAwait(false);
            return range.Start;
        }

        return next;
    }

    public async ValueTask ProcessAsync(IReadOnlyList<LogEntry> batch, CancellationToken cancellationToken)
    {
        var findings = new List<(LogEntry Entry, Finding Finding)>(batch.Count);
        foreach (var entry in batch)
        {
            var (finding, reason) = Decode(entry);
            if (finding is not null)
            {
                findings.Add((entry, finding));
            }
            else
            {
                metrics.Finding("undecodable", 1);
                await log.AppendAsync(Topics.DeadLetters(entry.Topic, Consumer), DeadLetter(entry, reason), cancellationToken).ConfigureAwait(false);
            }
        }

        var result = await database.WriteAsync((context, token) => ApplyAsync(context, batch[^1].Offset + 1, findings, token), cancellationToken).ConfigureAwait(false);
        metrics.Finding("new", result.New);
        metrics.Finding("repeat", result.Repeats);
        metrics.Finding("duplicate", result.Duplicates);
        foreach (var (receiver, transition) in result.Rows)
        {
            metrics.Created(receiver);
            metrics.Transition(transition);
        }

        if (result.Rows.Count > 0)
        {
            signal.Set();
        }

        if (assignment.MayWrite)
        {
            await assignment.CommitAsync(batch[^1].Offset + 1, cancellationToken).ConfigureAwait(false);
        }
    }

    public ValueTask StopAsync(bool lost, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    private async Task<Applied> ApplyAsync(MonitoringDbContext context, long next, IReadOnlyList<(LogEntry Entry, Finding Finding)> findings, CancellationToken cancellationToken)
    {
        var marks = await context.HighWaterMarks
            .Where(m => m.Consumer == Consumer && m.Topic == assignment.Topic && m.Partition == assignment.Partition)
            .ToDictionaryAsync(m => (m.SourceGroup, m.SourceTopic, m.SourcePartition), cancellationToken).ConfigureAwait(false);
        var fresh = new List<(LogEntry Entry, Finding Finding)>(findings.Count);
        foreach (var (entry, finding) in findings)
        {
            if (Advance(context, marks, entry, finding))
            {
                fresh.Add((entry, finding));
            }
        }

        var now = UnixNano.Now(time);
        var incidents = await IncidentBatch.LoadAsync(context, [.. fresh.Select(f => f.Finding)], now, cancellationToken).ConfigureAwait(false);
        var opened = 0;
        var stages = injector.Stages;
        foreach (var (entry, finding) in fresh)
        {
            var alert = new AlertContext(finding, entry.TimeUnixNano, incidents);
            foreach (var stage in stages)
            {
                await stage.ApplyAsync(alert, cancellationToken).ConfigureAwait(false);
            }

            opened += alert.IsNew ? 1 : 0;
        }

        Mark(context, marks, ("", "", 0), next, 0);
        return new Applied(opened, fresh.Count - opened, findings.Count - fresh.Count, [.. incidents.Rows.Select(r => (r.Receiver, r.Transition))]);
    }

    /// <summary>False when the finding's effect is in the database already.</summary>
    private bool Advance(MonitoringDbContext context, Dictionary<(string, string, int), HighWaterMark> marks, LogEntry entry, Finding finding)
    {
        // A finding without a position (made by hand) is where it lies in its own topic.
        var (source, offset, ordinal) = finding.Position is { Group.Length: > 0 } position
            ? ((position.Group, position.InputTopic, position.InputPartition), position.InputOffset, position.Ordinal)
            : (("", entry.Topic, entry.Partition), entry.Offset, 0);
        if (marks.TryGetValue(source, out var mark) && (offset, ordinal).CompareTo((mark.Offset, mark.Ordinal)) <= 0)
        {
            return false;
        }

        Mark(context, marks, source, offset, ordinal);
        return true;
    }

    private void Mark(MonitoringDbContext context, Dictionary<(string, string, int), HighWaterMark> marks, (string Group, string Topic, int Partition) source, long offset, int ordinal)
    {
        if (!marks.TryGetValue(source, out var mark))
        {
            mark = new HighWaterMark
            {
                Consumer = Consumer,
                Topic = assignment.Topic,
                Partition = assignment.Partition,
                SourceGroup = source.Group,
                SourceTopic = source.Topic,
                SourcePartition = source.Partition,
                Offset = offset,
                Ordinal = ordinal,
            };
            marks.Add(source, mark);
            context.HighWaterMarks.Add(mark);
            return;
        }

        mark.Offset = offset;
        mark.Ordinal = ordinal;
    }

    /// <summary>Findings that retention took before they were read: nobody was told, so somebody is told of that.</summary>
    private async Task RecordLossAsync(long expected, long start, CancellationToken cancellationToken)
    {
        var now = UnixNano.Now(time);
        var finding = new Finding
        {
            Id = string.Create(CultureInfo.InvariantCulture, $"lost-{assignment.Partition}-{expected}-{start}"),
            Monitor = "alerting",
            Kind = "data-lost",
            Family = Family.Pipeline,
            Severity = Severity.Harm,
            TimeUnixNano = now,
            SinceUnixNano = now,
            Coverage = 0,
            Events = start - expected,
            Summary = string.Create(CultureInfo.InvariantCulture, $"{start - expected} findings of partition {assignment.Partition} were removed by retention before they were read"),
        };
        await injector.InjectAsync(
            finding,
            async (context, token) =>
            {
                var mark = await context.HighWaterMarks.FirstAsync(m => m.Consumer == Consumer && m.Topic == assignment.Topic && m.Partition == assignment.Partition && m.SourceGroup == "" && m.SourceTopic == "", token).ConfigureAwait(false);
                mark.Offset = start;
            },
            cancellationToken).ConfigureAwait(false);
    }

    private static (Finding? Finding, string Reason) Decode(LogEntry entry)
    {
        if (entry.Value is not { } value)
        {
            return (null, "a finding has a payload, this record has none");
        }

        try
        {
            var finding = Finding.Parser.ParseFrom(value.Span);
            return finding switch
            {
                { Id.Length: 0 } => (null, "the finding has no id"),
                { Family: Family.Unspecified } => (null, "the finding has no family"),
                { Severity: Severity.Unspecified } => (null, "the finding has no severity"),
                { TimeUnixNano: <= 0 } => (null, "the finding has no time"),
                _ => (finding, ""),
            };
        }
        catch (InvalidProtocolBufferException e)
        {
            return (null, $"the payload is not a finding: {e.Message}");
        }
    }

    private static LogRecord DeadLetter(LogEntry entry, string reason) => new(
        entry.Key,
        entry.Value ?? ReadOnlyMemory<byte>.Empty,
        [
            .. entry.Headers,
            new LogHeader(Headers.DeadLetterReason, Encoding.UTF8.GetBytes(reason)),
            new LogHeader(Headers.DeadLetterOrigin, Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{entry.Topic}/{entry.Partition}/{entry.Offset}"))),
        ]);

    private sealed record Applied(int New, int Repeats, int Duplicates, IReadOnlyList<(string Receiver, string Transition)> Rows);
}
