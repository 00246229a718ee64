using Monitoring.EventLog;

namespace Monitoring.Replay.Search;

/// <summary>A row that was found.</summary>
/// <param name="Entry">The record.</param>
/// <param name="Row">Row of the event, 0-based.</param>
/// <param name="Distance">Euclidean distance to the row searched for; null in searches by condition alone.</param>
internal sealed record SearchHit(LogEntry Entry, int Row, double? Distance);

/// <summary>The outcome of a search.</summary>
/// <param name="Hits">Earliest first, or nearest first.</param>
/// <param name="Scanned">Events looked at.</param>
/// <param name="Unreadable">Records that are no inference events.</param>
/// <param name="Truncated">There may be more hits than the limit.</param>
internal sealed record SearchResult(IReadOnlyList<SearchHit> Hits, long Scanned, long Unreadable, bool Truncated);
