namespace Monitoring.WebConsole.Samples;

/// <summary>A row of an event as people see it.</summary>
/// <param name="EventId">Event.</param>
/// <param name="Row">Row in the event.</param>
/// <param name="Time">When it was asked.</param>
/// <param name="Client">Sealed id; empty when unattributed.</param>
/// <param name="Answer">What the model said, for example <c>7 (98 %)</c>; empty where it says no class or number.</param>
/// <param name="IsImage">The input is one image.</param>
/// <param name="Cells">Name and value per feature, in the schema's words; empty for images.</param>
/// <param name="Problem">Why the row cannot be shown; empty when it can.</param>
internal sealed record SampleRow(string EventId, int Row, DateTimeOffset Time, string Client, string Answer, bool IsImage, IReadOnlyList<(string Name, string Value)> Cells, string Problem);
