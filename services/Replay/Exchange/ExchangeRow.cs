using Monitoring.Detection;
using Monitoring.Replay.Comparing;
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
    public static ExchangeRow Read(SearchHit hit, ModelSchema? schema, LabelIndex labels, IReadOnlyDictionary<string, List<string>> flagged)
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
            flagged.TryGetValue(id, out var findings) ? findings : []);
    }

    /// <summary>Finding ids by sample event.</summary>
    public static async Task<Dictionary<string, List<string>>> FlaggedAsync(EventLog.IEventLog log, string model, CancellationToken cancellationToken)
    {
        var flagged = new Dictionary<string, List<string>>(StringComparer.Ordinal);
        await foreach (var (_, finding) in FindingLog.ReadAsync(log, 0, long.MaxValue, cancellationToken).ConfigureAwait(false))
        {
            if (finding.Model != model)
            {
                continue;
            }

            foreach (var id in finding.SampleEventIds)
            {
                if (!flagged.TryGetValue(id, out var findings))
                {
                    flagged[id] = findings = [];
                }

                findings.Add(finding.Id);
            }
        }

        return flagged;
    }

    /// <summary>The rows of a model in a range of log time, earliest first.</summary>
    public static async Task<(IReadOnlyList<ExchangeRow> Rows, bool Truncated)> ReadAllAsync(ForensicContext context, string model, long from, long to, int limit, CancellationToken cancellationToken)
    {
        var labels = await LabelIndex.ReadAsync(context.Log, model, cancellationToken).ConfigureAwait(false);
        var flagged = await FlaggedAsync(context.Log, model, cancellationToken).ConfigureAwait(false);
        var hits = await new EventSearch(context.Log).SearchAsync(
            new SearchRequest { From = from, To = to, Limit = limit, Where = QueryParser.Parse($"model == \"{model}\" and rows > 0", new Dictionary<string, ModelSchema>()) },
            cancellationToken).ConfigureAwait(false);
        var schema = context.Schemas.GetValueOrDefault(model);
        return ([.. hits.Hits.Select(h => Read(h, schema, labels, flagged))], hits.Truncated);
    }
}
