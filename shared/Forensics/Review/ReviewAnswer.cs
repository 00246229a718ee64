namespace Monitoring.Forensics;

/// <summary>What a person says about a row of the queue.</summary>
/// <param name="Position">Where the event lies.</param>
/// <param name="EventId">The event that must lie there.</param>
/// <param name="Row">Row within it.</param>
/// <param name="Label">Class by name or index; null where a number is said.</param>
/// <param name="Value">Number, finite; null where a class is said.</param>
public sealed record ReviewAnswer(EventPosition Position, string EventId, int Row, string? Label, double? Value);
