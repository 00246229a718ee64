namespace Monitoring.Statistics;

/// <summary>One admitted draw of all variables of a monitor.</summary>
/// <param name="Values">One value per variable; NaN where missing.</param>
/// <param name="Tie">Hash of the event's id.</param>
/// <param name="Slot">The draw's slot.</param>
/// <param name="Elapsed">Log time since the last draw, in units of the fitted mean time between draws.</param>
public readonly record struct EvidenceDraw(double[] Values, ulong Tie, int Slot, double Elapsed);
