namespace Monitoring.Forensics;

/// <summary>What was looked at for a review queue, and the queue.</summary>
/// <param name="Queue">Chooses among the rows without a label.</param>
/// <param name="Unlabelled">Rows looked at that have none.</param>
/// <param name="Labelled">Rows looked at that have one.</param>
/// <param name="Truncated">The range holds more, older, records than were looked at.</param>
public sealed record ReviewSelection(ReviewQueue Queue, int Unlabelled, int Labelled, bool Truncated);
