namespace Monitoring.Forensics;

/// <summary>A row of the log that has no label yet.</summary>
/// <param name="Position">Where its event lies.</param>
/// <param name="TimeUnixNano">Log time.</param>
/// <param name="EventId">Its call.</param>
/// <param name="Row">Row within the call, from 0.</param>
/// <param name="Client">Sealed id; empty when unattributed.</param>
/// <param name="Predicted">Predicted class as people say it; empty where the event tells none.</param>
/// <param name="Confidence">Its probability; NaN where the event tells none.</param>
/// <param name="Findings">Findings that have it among their samples.</param>
/// <param name="Outlying">One of them says that it is an outlier.</param>
public sealed record ReviewRow(EventPosition Position, long TimeUnixNano, string EventId, int Row, string Client, string Predicted, double Confidence, IReadOnlyList<string> Findings, bool Outlying)
{
    /// <summary>Why it was chosen: flagged, outlying, uncertain or random.</summary>
    public string Reason { get; init; } = "";
}
