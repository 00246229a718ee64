using Monitoring.Detection;
using Monitoring.Replay.Search;

namespace Monitoring.Replay.Exchange;

/// <summary>A row of the log with what became known about it.</summary>
/// <param name="Hit">Where it lies.</param>
/// <param name="EventId">Event.</param>
/// <param name="Client">Sealed client; empty when unattributed.</param>
/// <param name="Predicted">Predicted class as people say it; empty where the event tells none.</param>
/// <param name="Confidence">Its probability; NaN where the event tells none.</param>
/// <param name="Truth">What somebody said; empty where nobody did.</param>
/// <param name="Author">Who.</param>
/// <param name="Findings">Findings that have it among their samples.</param>
internal sealed record ExchangeRow(SearchHit Hit, string EventId, string Client, string Predicted, double Confidence, string Truth, string Author, IReadOnlyList<string> Findings)
{
    public static ExchangeRow Read(SearchHit hit, ModelSchema? schema, LabelIndex labels, FlaggedEvents flagged)
    {
        EventView.TryRead(hit.Entry.Value!.Value.Span, out var view);
        var id = EventView.Text(view.Id);
        var predicted = EventRows.PredictedClass(view, hit.Row);
        var feedback = labels.Find(id, EventView.Text(view.RequestId), hit.Row);
        var truth = feedback is null ? ""
            : feedback.TruthCase == Contracts.Feedback.TruthOneofCase.Value ? feedback.Value.ToString("R", System.Globalization.CultureInfo.InvariantCulture)
            : feedback.Label;
        return new ExchangeRow(
            hit,
            id,
            EventView.Text(view.Client),
            predicted < 0 ? "" : EventRows.ClassName(schema, predicted),
            EventRows.Confidence(view, hit.Row),
            truth,
            feedback?.Author ?? "",
            flagged.Find(id)?.Findings ?? []);
    }

    /// <summary>The rows of a model in a range of log time, earliest first.</summary>
    public static async Task<(IReadOnlyList<ExchangeRow> Rows, bool Truncated)> ReadAllAsync(EventLog.IEventLog log, IReadOnlyDictionary<string, ModelSchema> schemas, string model, long from, long to, int limit, CancellationToken cancellationToken)
    {
        var labels = await LabelIndex.ReadAsync(log, model, cancellationToken).ConfigureAwait(false);
        var flagged = await FlaggedEvents.ReadAsync(log, model, 0, cancellationToken).ConfigureAwait(false);
        var hits = await new EventSearch(log).SearchAsync(
            new SearchRequest { From = from, To = to, Limit = limit, Where = QueryParser.Parse($"model == \"{model}\" and rows > 0", new Dictionary<string, ModelSchema>()) },
            cancellationToken).ConfigureAwait(false);
        var schema = schemas.GetValueOrDefault(model);
        return ([.. hits.Hits.Select(h => Read(h, schema, labels, flagged))], hits.Truncated);
    }
}
