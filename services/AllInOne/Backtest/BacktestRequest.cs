namespace Monitoring.AllInOne.Backtest;

/// <summary>What to back-test.</summary>
/// <param name="Kind">Kind of monitor.</param>
/// <param name="Options">Its options by key.</param>
/// <param name="Reference">File of clean rows.</param>
/// <param name="Data">File of rows to judge, in order.</param>
/// <param name="Labels">File of one label per row of the data, not 0 = outlier; null for none.</param>
/// <param name="Level">One false alarm is allowed in this many rows.</param>
internal sealed record BacktestRequest(string Kind, IReadOnlyDictionary<string, string> Options, string Reference, string Data, string? Labels, double Level);
