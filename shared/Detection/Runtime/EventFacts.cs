namespace Monitoring.Detection;

/// <summary>What the runtime itself wants to know of an event.</summary>
/// <param name="Instance">Source; null where the event names none.</param>
/// <param name="Start">Start of the source, nanoseconds.</param>
/// <param name="Sequence">Number of the event in its source and start; 0 where it has none.</param>
/// <param name="IsClean">It fits the schema and its call succeeded.</param>
internal readonly record struct EventFacts(string? Instance, long Start, ulong Sequence, bool IsClean);
