using Monitoring.Contracts;

namespace Monitoring.Detection;

/// <summary>A finding before it has its place among those of the same input record.</summary>
/// <param name="Finding">The finding without position and id.</param>
/// <param name="Offset">Input offset.</param>
/// <param name="Row">Row in the event.</param>
/// <param name="MonitorIndex">Place of the monitor in its model.</param>
internal sealed record FindingDraft(Finding Finding, long Offset, int Row, int MonitorIndex);
