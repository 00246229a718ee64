namespace Monitoring.Detection;

/// <summary>One part of the rows and its monitor.</summary>
/// <param name="Value">Value of the segment's column; NaN for the rest.</param>
/// <param name="Label">For people; empty where nothing is segmented.</param>
/// <param name="Monitor">The kind's monitor.</param>
internal sealed record RowSegment(double Value, string Label, IMonitor Monitor);
