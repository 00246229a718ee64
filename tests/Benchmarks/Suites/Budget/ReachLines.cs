using Monitoring.Statistics;

namespace Monitoring.Benchmarks.Budget;

/// <summary>What `fit` prints of a reference's reach, against simulation.</summary>
internal static class ReachLines
{
    public static IEnumerable<BudgetLine> All(double scale)
    {
        foreach (var (id, options, size) in new[] { ("Ra", Simulation.Equality, 1_000), ("Rb", Simulation.Equality, 5_000), ("Rc", Simulation.Default, 1_000), ("Rd", Simulation.Default, 5_000), ("Re", Simulation.Default, 300) })
        {
            var withHorizon = options.ForLevel(Simulation.MonthLevel);
            var runs = Simulation.Scaled(30, scale, 6);
            Reach reach = default;
            int Found(double factor) => Enumerable.Range(0, runs).Count(run =>
            {
                var random = new Random(90_000 + run);
                var reference = StreamReference.Numeric(Simulation.Gaussians(random, size));
                reach = Reach.Of(reference, Simulation.MonthLevel, options);
                return Simulation.Delay(new EvidenceBank(reference, withHorizon), Simulation.MonthLevel, 0, 60_000, _ => Simulation.Gaussian(random) + (factor * reach.Shift)) is not null;
            });
            var within = Found(1.4);
            var below = Found(0.6);
            yield return new BudgetLine(id, $"reach of n = {size:N0} at 1 per 30 d of 20,000 a day, δ = {options.Tolerance}: a lasting 1.4 × reach is found by three quarters, 0.6 × reach by at most one", 0.25 * runs, below, [below, within], "runs that find 0.6 × reach (interval: 0.6 ×, 1.4 ×)", below <= 0.25 * runs && within >= 0.75 * runs, $"{runs} runs; reach {reach.Shift:F3}σ after {reach.Draws:F0} draws");
        }
    }
}
