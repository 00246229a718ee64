namespace Monitoring.Benchmarks.Budget;

/// <summary>One measured promise of RUNTIME 7.</summary>
/// <param name="Id">Number in RUNTIME 7, and a letter.</param>
/// <param name="Name">What was simulated.</param>
/// <param name="Allowed">The most that keeps the promise, in the unit of <paramref name="Unit"/>.</param>
/// <param name="Observed">What was seen.</param>
/// <param name="Interval">95 % interval of the observed (Poisson exact for counts, order statistics for medians).</param>
/// <param name="Unit">What is counted.</param>
/// <param name="Ok">Whether the promise was kept.</param>
/// <param name="Detail">How much was simulated.</param>
internal sealed record BudgetLine(string Id, string Name, double Allowed, double Observed, double[] Interval, string Unit, bool Ok, string Detail);
