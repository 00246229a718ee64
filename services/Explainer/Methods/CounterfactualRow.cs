namespace Monitoring.Explainer;

/// <summary>A row near the explained one that the model answers differently.</summary>
/// <param name="Row">The row.</param>
/// <param name="FromClass">Class of the explained row.</param>
/// <param name="ToClass">Class of this one.</param>
/// <param name="Changed">Groups in which the two differ.</param>
/// <param name="Start">Reference row that the search started from.</param>
/// <param name="Rows">Model rows spent.</param>
internal sealed record CounterfactualRow(float[] Row, int FromClass, int ToClass, IReadOnlyList<int> Changed, int Start, int Rows);
