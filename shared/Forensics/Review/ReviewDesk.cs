using Google.Protobuf;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.EventLog;

namespace Monitoring.Forensics;

/// <summary>Fills the review queue from the log and writes the answers back as <c>feedback</c> with their author. Thread-safe.</summary>
public sealed class ReviewDesk(IEventLog log, TimeProvider time)
{
    /// <summary>Answers in one call.</summary>
    public const int MaxAnswers = 1000;

    private const int MaxLabel = 2000;

    /// <summary>Rows of one event that are looked at; shapes come from outside.</summary>
    private const int MaxRows = 4096;

    /// <summary>Labels are looked for from this long before the events on: a client may tell the truth of a call before the call itself is published.</summary>
    private const long LabelLead = 3_600_000_000_000;

    /// <summary>Looks at the newest events of a range; the memory it takes grows with the rows to choose, not with the range.</summary>
    public async Task<ReviewSelection> SelectAsync(ReviewRequest request, CancellationToken cancellationToken)
    {
        var labels = await LabelIndex.ReadAsync(log, request.Model, cancellationToken, Math.Max(0, request.From - LabelLead)).ConfigureAwait(false);
        var flagged = await FlaggedEvents.ReadAsync(log, request.Model, request.From, cancellationToken).ConfigureAwait(false);
        var (ranges, truncated) = await RangesAsync(request, cancellationToken).ConfigureAwait(false);
        var scan = new Scan(request, labels, flagged);
        for (var partition = 0; partition < ranges.Length; partition++)
        {
            await foreach (var entry in log.ReadAsync(Topics.InferenceEvents, partition, ranges[partition].From, ranges[partition].To, cancellationToken).ConfigureAwait(false))
            {
                scan.Look(entry);
            }
        }

        return new ReviewSelection(scan.Queue, scan.Unlabelled, scan.Labelled, truncated);
    }

    /// <summary>The event at a position of <c>inference.events</c>; null where the log has none (any more).</summary>
    public async Task<InferenceEvent?> FindAsync(EventPosition position, CancellationToken cancellationToken)
    {
        try
        {
            if (position.Partition >= await log.GetPartitionCountAsync(Topics.InferenceEvents, cancellationToken).ConfigureAwait(false))
            {
                return null;
            }

            await foreach (var entry in log.ReadAsync(Topics.InferenceEvents, position.Partition, position.Offset, position.Offset + 1, cancellationToken).ConfigureAwait(false))
            {
                return entry.Value is { } value ? InferenceEvent.Parser.ParseFrom(value.Span) : null;
            }
        }
        catch (Exception e) when (e is OffsetOutOfRangeException or InvalidProtocolBufferException)
        {
            // Retention took it, or it never was one.
        }

        return null;
    }

    /// <summary>Writes answers, all or none. Throws <see cref="EventLogException"/> when the log is away.</summary>
    /// <param name="model">Model that every answer must be about.</param>
    /// <param name="schema">Its classes, where they are known: a label must be one of them.</param>
    /// <param name="answers">1 to <see cref="MaxAnswers"/>.</param>
    /// <param name="author">Who says so.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>Null when they are in the log; else what is wrong, and nothing was written.</returns>
    public async Task<string?> AnswerAsync(string model, ModelSchema? schema, IReadOnlyList<ReviewAnswer> answers, string author, CancellationToken cancellationToken)
    {
        if (answers.Count is 0 or > MaxAnswers)
        {
            return $"1 to {MaxAnswers} answers expected, found {answers.Count}";
        }

        var records = new List<LogRecord>(answers.Count);
        var now = TimeText.ToUnixNano(time.GetUtcNow());
        foreach (var answer in answers)
        {
            if (Problem(answer, schema) is { } problem)
            {
                return $"event '{answer.EventId}', row {answer.Row}: {problem}";
            }

            var call = await FindAsync(answer.Position, cancellationToken).ConfigureAwait(false);
            if (call is null || call.Id != answer.EventId || call.Model != model || answer.Row >= Rows(call))
            {
                return $"event '{answer.EventId}', row {answer.Row}: model '{model}' has no such row at {answer.Position}; retention may have taken it";
            }

            var feedback = new Feedback { Id = Guid.NewGuid().ToString("N"), TimeUnixNano = now, Model = model, EventId = answer.EventId, Row = answer.Row, Author = author };
            if (answer.Value is { } value)
            {
                feedback.Value = value;
            }
            else
            {
                feedback.Label = answer.Label;
            }

            records.Add(ApiRecord.Of(EventTypes.Feedback, feedback.Id, model, now, feedback));
        }

        await log.AppendAsync(Topics.Feedback, records, cancellationToken).ConfigureAwait(false);
        return null;
    }

    private static string? Problem(ReviewAnswer answer, ModelSchema? schema) =>
        answer.Row < 0 ? "row must be 0 or more"
        : answer.Label is null == answer.Value is null ? "exactly one of label (a class) and value (a number) is needed"
        : answer.Value is { } value ? (double.IsFinite(value) ? null : "value must be a finite number")
        : string.IsNullOrWhiteSpace(answer.Label) || answer.Label.Length > MaxLabel ? $"label must have 1 to {MaxLabel} characters"
        : schema is { Classes: { Count: > 0 } classes } && !classes.Contains(answer.Label, StringComparer.Ordinal) && !IsIndex(answer.Label, classes.Count) ? $"'{answer.Label}' is no class of the model; classes are {string.Join(", ", classes.Take(20))}{(classes.Count > 20 ? ", …" : "")}"
        : null;

    private static bool IsIndex(string text, int classes) =>
        int.TryParse(text, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var index) && index < classes;

    private static int Rows(InferenceEvent call) => EventView.TryRead(call.ToByteArray(), out var view) ? EventRows.Count(view) : 0;

    /// <summary>Per partition the newest records, shared out so that idle partitions leave their part to busy ones.</summary>
    private async Task<((long From, long To)[] Ranges, bool Truncated)> RangesAsync(ReviewRequest request, CancellationToken cancellationToken)
    {
        var ranges = new (long From, long To)[await log.GetPartitionCountAsync(Topics.InferenceEvents, cancellationToken).ConfigureAwait(false)];
        for (var p = 0; p < ranges.Length; p++)
        {
            ranges[p] = await LogOffsets.InAsync(log, Topics.InferenceEvents, p, request.From, request.To, cancellationToken).ConfigureAwait(false);
        }

        long left = request.MaxEvents;
        var truncated = false;
        var waiting = ranges.Length;
        foreach (var p in Enumerable.Range(0, ranges.Length).OrderBy(p => ranges[p].To - ranges[p].From))
        {
            var share = left / waiting--;
            if (ranges[p].To - ranges[p].From > share)
            {
                ranges[p].From = ranges[p].To - share;
                truncated = true;
            }

            left -= ranges[p].To - ranges[p].From;
        }

        return (ranges, truncated);
    }

    private sealed class Scan(ReviewRequest request, LabelIndex labels, FlaggedEvents flagged)
    {
        private readonly byte[] _model = EventRows.Utf8(request.Model);

        public ReviewQueue Queue { get; } = new(request.Count, request.Seed);

        public int Labelled { get; private set; }

        public int Unlabelled { get; private set; }

        public void Look(LogEntry entry)
        {
            if (entry.Value is not { } value || !EventView.TryRead(value.Span, out var view) || !view.Model.SequenceEqual(_model))
            {
                return;
            }

            var rows = Math.Min(EventRows.Count(view), MaxRows);
            if (rows <= 0)
            {
                return;
            }

            var id = EventView.Text(view.Id);
            var requestId = EventView.Text(view.RequestId);
            var client = EventView.Text(view.Client);
            var flags = flagged.Find(id);
            for (var row = 0; row < rows; row++)
            {
                if (labels.Find(id, requestId, row) is not null)
                {
                    Labelled++;
                    continue;
                }

                Unlabelled++;
                var predicted = EventRows.PredictedClass(view, row);
                Queue.Add(new ReviewRow(
                    new EventPosition(entry.Partition, entry.Offset),
                    entry.TimeUnixNano,
                    id,
                    row,
                    client,
                    predicted < 0 ? "" : EventRows.ClassName(request.Schema, predicted),
                    EventRows.Confidence(view, row),
                    flags?.Findings ?? [],
                    flags is { Outlying: true }));
            }
        }
    }
}
