namespace Monitoring.Replay.Exchange;

/// <summary>The review queue as the HTTP API gives it.</summary>
/// <param name="Model">Model.</param>
/// <param name="From">Start of the range, UTC, ISO 8601.</param>
/// <param name="Truncated">The range held more, older, events than were looked at.</param>
/// <param name="Labelled">Rows looked at that have a label already.</param>
/// <param name="Rows">Rows worth one.</param>
internal sealed record ReviewView(string Model, string From, bool Truncated, int Labelled, IReadOnlyList<ReviewRowView> Rows);
