namespace Monitoring.Statistics;

/// <summary>Outcome of an LSDD test.</summary>
/// <param name="Statistic">The density difference of the window.</param>
/// <param name="PValue">(1 + permuted at least as large)/(1 + permutations).</param>
/// <param name="Lambda">The regularisation chosen.</param>
/// <param name="Permuted">The permuted statistics.</param>
public sealed record LeastSquaresDensityDifferenceResult(double Statistic, double PValue, double Lambda, IReadOnlyList<double> Permuted);
