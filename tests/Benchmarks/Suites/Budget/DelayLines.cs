using Monitoring.Statistics;

namespace Monitoring.Benchmarks.Budget;

/// <summary>RUNTIME 7, lines 2 and 6: changes are found in time, and tolerated ones are not.</summary>
internal static class DelayLines
{
    public static IEnumerable<BudgetLine> Gaussian(double scale)
    {
        foreach (var (id, shift, most) in new[] { ("2a", 0.5, 180.0), ("2b", 1.0, 80.0) })
        {
            var runs = Simulation.Scaled(100, scale, 12);
            var delays = Enumerable.Range(0, runs).Select(run =>
            {
                var random = new Random(20_000 + run);
                var bank = new EvidenceBank(StreamReference.Numeric(Simulation.Gaussians(random, 5_000)), Simulation.Equality);
                return Simulation.Delay(bank, 1e4, 2_000, 20_000, t => Simulation.Gaussian(random) + (t < 2_000 ? 0 : shift));
            }).ToList();
            yield return Simulation.DelayLine(id, $"Gaussian +{shift}σ, average run length 10⁴, δ = 0, n = 5,000", most, delays);
        }

        foreach (var (id, shift, most) in new[] { ("2c", 0.25, 1_900.0), ("2d", 0.5, 350.0), ("2e", 1.0, 100.0) })
        {
            var runs = Simulation.Scaled(40, scale, 8);
            var delays = Enumerable.Range(0, runs).Select(run =>
            {
                var random = new Random(21_000 + run);
                var reference = CycleLines.DailyReference(random, 0.5, 1_000);
                var calm = 20_000 + random.Next(20_000);
                return Simulation.Delay(new EvidenceBank(reference, Simulation.Default), Simulation.MonthLevel, calm, 100_000,
                    t => Simulation.Gaussian(random) + CycleLines.Swing(0.5, t) + (t < calm ? 0 : shift), CycleLines.HourOf);
            }).ToList();
            yield return Simulation.DelayLine(id, $"Gaussian +{shift}σ on a daily swing of ±0.5σ, 1 per 30 d of 20,000 a day, δ = 0.1, 1,000 values a slot", most, delays);
        }
    }

    public static IEnumerable<BudgetLine> Tolerance(double scale)
    {
        foreach (var (id, shift) in new[] { ("6a", 0.05), ("6b", 0.1), ("6c", 0.5) })
        {
            var runs = Simulation.Scaled(40, scale, 4);
            var found = 0;
            for (var run = 0; run < runs; run++)
            {
                var random = new Random(60_000 + run);
                var bank = new EvidenceBank(StreamReference.Numeric(Simulation.Gaussians(random, 5_000)), Simulation.Default);
                found += Simulation.Delay(bank, Simulation.MonthLevel, 0, 150_000, _ => Simulation.Gaussian(random) + shift) is null ? 0 : 1;
            }

            var name = $"+{shift}σ at δ = 0.1 within 150,000 draws, n = 5,000, 1 per 30 d of 20,000 a day";
            yield return shift switch
            {
                // The allowance for 0.05σ is the budget's own: 150,000 of 600,000 draws a run.
                0.05 => new BudgetLine(id, name, 0, found, Simulation.PoissonInterval(found), "runs with an alarm", found == 0, $"{runs} runs"),
                0.1 => new BudgetLine(id, name, Math.Max(1, Math.Round(0.25 * runs)), found, Simulation.PoissonInterval(found), "runs with an alarm", found <= Math.Max(1, 0.25 * runs), $"{runs} runs; \"seldom\" is read as at most a quarter"),
                _ => new BudgetLine(id, name, runs, found, Simulation.PoissonInterval(found), "runs with an alarm, all wanted", found == runs, $"{runs} runs"),
            };
        }
    }
}
