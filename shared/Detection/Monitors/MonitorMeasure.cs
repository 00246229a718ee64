namespace Monitoring.Detection;

/// <summary>A number that a monitor measures, for pages and metrics; it decides nothing.</summary>
/// <param name="Name">accuracy, selection-rate, labels-joined, …</param>
/// <param name="Segment">The part of the rows; empty for all.</param>
/// <param name="Value">Value.</param>
/// <param name="Low">Lower end of its 95 % interval; NaN for a count.</param>
/// <param name="High">Upper end.</param>
public sealed record MonitorMeasure(string Name, string Segment, double Value, double Low = double.NaN, double High = double.NaN);
