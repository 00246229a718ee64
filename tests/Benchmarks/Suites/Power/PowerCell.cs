namespace Monitoring.Benchmarks.Power;

/// <summary>A kind on a change.</summary>
/// <param name="Data">Population.</param>
/// <param name="Kind">Kind.</param>
/// <param name="Change">The change; "clean" for none.</param>
/// <param name="Runs">Streams.</param>
/// <param name="Missed">Streams without an alarm after the change.</param>
/// <param name="Median">Median delay in rows over all streams, misses counting as infinite; null where half were missed.</param>
/// <param name="Ninth">The 90 % quantile likewise.</param>
/// <param name="FalseAlarms">Alarms before the change; of clean streams all alarms.</param>
/// <param name="Allowed">How many the budget allows.</param>
internal sealed record PowerCell(string Data, string Kind, string Change, int Runs, int Missed, double? Median, double? Ninth, int FalseAlarms, double Allowed);
