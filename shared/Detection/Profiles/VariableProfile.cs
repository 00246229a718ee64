using Monitoring.Statistics;

namespace Monitoring.Detection;

/// <summary>The frozen reference of one variable.</summary>
/// <param name="Name">As in <see cref="Variable.Name"/>.</param>
/// <param name="Reference">Null for bets, and where there were too few values: the variable is then uncalibrated.</param>
/// <param name="Count">Clean values.</param>
/// <param name="Mean">Their mean; NaN without values.</param>
/// <param name="StandardDeviation">Their standard deviation; 0 for a constant.</param>
/// <param name="Quantiles">Eleven quantiles, 0 %, 10 % … 100 %; empty without values.</param>
/// <param name="Concentration">For variables per client: concentration of the urn, fitted to the spread between honest clients; null where there were too few clients to show one.</param>
/// <param name="LevelFactor">For variables per client: factor on the level with which honest clients that the fit had not seen keep the budget.</param>
public sealed record VariableProfile(string Name, StreamReference? Reference, int Count, double Mean, double StandardDeviation, IReadOnlyList<double> Quantiles, double? Concentration = null, double LevelFactor = 1);
