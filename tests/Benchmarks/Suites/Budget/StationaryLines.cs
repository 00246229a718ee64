using Monitoring.Statistics;

namespace Monitoring.Benchmarks.Budget;

/// <summary>RUNTIME 7, line 1: nothing changes, and the budget holds.</summary>
internal static class StationaryLines
{
    public static IEnumerable<BudgetLine> Gaussian(double scale)
    {
        foreach (var (id, options, size, level) in new[]
        {
            ("1a", Simulation.Equality, 1_000, 1e6),
            ("1b", Simulation.Default, 1_000, 1e6),
            ("1c", Simulation.Equality, 5_000, 1e4),
            ("1d", Simulation.Default, 5_000, 1e4),
        })
        {
            var streams = Simulation.Scaled(1_000, scale);
            var alarms = 0L;
            for (var stream = 0; stream < streams; stream++)
            {
                var random = new Random(1_000 + stream);
                var bank = new EvidenceBank(StreamReference.Numeric(Simulation.Gaussians(random, size)), options);
                alarms += Simulation.Crossings(bank, level, 10_000, _ => Simulation.Gaussian(random), seed: stream);
            }

            yield return Simulation.Alarms(id, $"stationary Gaussian, δ = {options.Tolerance}, n = {size:N0}, one per {level:N0} draws", streams * 10_000 / level, alarms, $"{streams:N0} streams × 10,000 draws, a reference each");
        }
    }

    /// <summary>A calm stream for many periods: evidence must not grow like a clock (docs/adr/0031). Half a year each.</summary>
    public static IEnumerable<BudgetLine> Long(double scale)
    {
        foreach (var (id, options, name) in new[]
        {
            ("1e", Simulation.Default, "SR without a horizon, as RUNTIME 2 has it: for comparison, allowed"),
            ("1f", Simulation.Default.ForLevel(Simulation.MonthLevel), "with the horizon"),
        })
        {
            var streams = Simulation.Scaled(6, scale, 2);
            var alarms = 0L;
            for (var stream = 0; stream < streams; stream++)
            {
                var random = new Random(9_000 + stream);
                var bank = new EvidenceBank(StreamReference.Numeric(Simulation.Gaussians(random, 5_000)), options);
                alarms += Simulation.Crossings(bank, Simulation.MonthLevel, (int)(180 * Simulation.PerDay), _ => Simulation.Gaussian(random), seed: stream);
            }

            yield return Simulation.Alarms(id, $"180 calm days, 1 per 30 d of 20,000 a day, δ = 0.1, {name}", streams * 6, alarms, $"{streams} streams");
        }
    }
}
