namespace Monitoring.Replay.Exchange;

/// <summary>A row worth a label.</summary>
/// <param name="Position">Where its event lies, for the answer.</param>
/// <param name="EventId">Its call.</param>
/// <param name="Row">Row within the call, from 0.</param>
/// <param name="Reason">uncertain, outlying, flagged or random.</param>
/// <param name="Time">Log time, UTC, ISO 8601.</param>
/// <param name="Client">Sealed id; empty when unattributed.</param>
/// <param name="Predicted">Predicted class; empty where the event tells none.</param>
/// <param name="Confidence">Of the predicted class; null where the event tells none.</param>
/// <param name="Findings">Findings that have it among their samples.</param>
internal sealed record ReviewRowView(string Position, string EventId, int Row, string Reason, string Time, string Client, string Predicted, double? Confidence, IReadOnlyList<string> Findings)
{
    public static ReviewRowView Of(ReviewRow row) => new(
        row.Position.ToString(),
        row.EventId,
        row.Row,
        row.Reason,
        TimeText.Format(row.TimeUnixNano),
        row.Client,
        row.Predicted,
        double.IsNaN(row.Confidence) ? null : row.Confidence,
        row.Findings);
}
