using Monitoring.Statistics;

namespace Monitoring.Benchmarks.Budget;

/// <summary>RUNTIME 7, lines 3 and 5: usual cycles and rates are not change.</summary>
internal static class CycleLines
{
    private const long DayMs = 86_400_000;

    /// <summary>Monday 2026-01-05 00:00 UTC.</summary>
    private const long StartMs = 1_767_571_200_000;

    /// <summary>The day's swing at draw t of 20,000 a day: a sine, so the mean moves within each hour too.</summary>
    public static double Swing(double amplitude, int t) => amplitude * Math.Sin(2 * Math.PI * t / Simulation.PerDay);

    public static int HourOf(int t) => (int)(t % Simulation.PerDay / Simulation.PerDay * 24);

    public static StreamReference DailyReference(Random random, double amplitude, int perSlot)
    {
        var count = 24 * perSlot;
        var values = new double[count];
        var slots = new int[count];
        for (var i = 0; i < count; i++)
        {
            var t = (int)(i / (double)count * Simulation.PerDay);
            values[i] = Simulation.Gaussian(random) + Swing(amplitude, t);
            slots[i] = HourOf(t);
        }

        return StreamReference.Numeric(values, slots, 24);
    }

    public static IEnumerable<BudgetLine> Cycles(double scale)
    {
        foreach (var (id, name, daily, weekly, perDay, days, runs) in new[]
        {
            ("3a", "no cycle, 20,000 a day", 0.0, 0.0, 20_000, 30, 6),
            ("3b", "daily swing ±0.1σ, 20,000 a day", 0.1, 0.0, 20_000, 30, 6),
            ("3c", "daily swing ±0.3σ, 20,000 a day", 0.3, 0.0, 20_000, 30, 6),
            ("3d", "daily swing ±0.5σ, 20,000 a day", 0.5, 0.0, 20_000, 30, 6),
            ("3e", "daily ±0.3σ and weekly ±0.3σ, 20,000 a day", 0.3, 0.3, 20_000, 30, 6),
            ("3f", "daily swing ±0.5σ, 2,000 a day", 0.5, 0.0, 2_000, 30, 20),
            ("3g", "daily swing ±0.5σ, 100,000 a day", 0.5, 0.0, 100_000, 30, 2),
        })
        {
            var repeats = Simulation.Scaled(runs, scale);
            var length = (int)(days * Math.Min(1, scale * runs));
            var alarms = 0L;
            SlotScheme chosen = default;
            var uncalibrated = 0;
            for (var run = 0; run < repeats; run++)
            {
                var random = new Random((30_000 + (int)(1_000 * daily)) + (100 * run) + (int)(7_000 * weekly));
                var traffic = new Traffic(random, daily, weekly, perDay, 1);
                var (reference, scheme) = traffic.Fit(weekly > 0 ? 40_000 : 24_000);
                chosen = scheme;
                var bank = new EvidenceBank(reference, Simulation.Default);
                alarms += traffic.Run(bank, scheme, length, 30.0 * perDay);
                uncalibrated += bank.UncoveredDraws > 0 ? 1 : 0;
            }

            var line = Simulation.Alarms(id, $"{name}, 1 per 30 d, δ = 0.1", repeats * length / 30.0, alarms, $"{repeats} × {length} days; slots chosen by the fit: {chosen}; uncalibrated {uncalibrated}");
            yield return line with { Ok = line.Ok && uncalibrated == 0 };
        }

        yield return OnTop(scale);
        foreach (var line in Uncovered(scale))
        {
            yield return line;
        }
    }

    /// <summary>+0.5σ on top of the cycle is found within twice the delay without it.</summary>
    private static BudgetLine OnTop(double scale)
    {
        var runs = Simulation.Scaled(40, scale, 8);
        double MedianDelay(double amplitude) => Simulation.Median(Enumerable.Range(0, runs).Select(run =>
        {
            var random = new Random(35_000 + run);
            var reference = DailyReference(random, amplitude, 1_000);
            var calm = 20_000 + random.Next(20_000);
            return Simulation.Delay(new EvidenceBank(reference), Simulation.MonthLevel, calm, 50_000,
                t => Simulation.Gaussian(random) + Swing(amplitude, t) + (t < calm ? 0 : 0.5), HourOf);
        })).Median;
        var without = MedianDelay(0);
        var with = MedianDelay(0.5);
        return new BudgetLine("3h", "+0.5σ on a daily swing of ±0.5σ, against twice the delay without a swing", 2 * without, with, [with, with], "draws, median", with <= 2 * without, $"{runs} runs; without the swing {without}");
    }

    /// <summary>A reference from six hours of a day that swings: the held-out rest says so; without a swing it says nothing.</summary>
    private static IEnumerable<BudgetLine> Uncovered(double scale)
    {
        var runs = Simulation.Scaled(40, scale, 8);
        foreach (var (id, amplitude) in new[] { ("3i", 0.5), ("3j", 0.0) })
        {
            var uncalibrated = 0;
            for (var run = 0; run < runs; run++)
            {
                var random = new Random(36_000 + run);
                var values = Enumerable.Range(0, 5_000).Select(t => Simulation.Gaussian(random) + Swing(amplitude, t)).ToArray();
                var variable = new EvidenceVariable("value", "value", StreamReference.Numeric(values));
                var heldOut = Enumerable.Range(5_000, 15_000).Select(t => new EvidenceDraw([Simulation.Gaussian(random) + Swing(amplitude, t)], (ulong)t, 0, 1)).ToList();
                uncalibrated += SelfCheck.Run([variable], Simulation.MonthLevel, heldOut).Calibrated ? 0 : 1;
            }

            yield return amplitude > 0
                ? new BudgetLine(id, "a daily swing of ±0.5σ that the reference (six hours) does not cover: uncalibrated by the self-check on the rest of the day", runs, uncalibrated, Simulation.PoissonInterval(uncalibrated), "runs uncalibrated, all wanted", uncalibrated == runs, $"{runs} runs")
                : new BudgetLine(id, "no swing, the same reference: not uncalibrated", Simulation.Margin(0.003 * runs), uncalibrated, Simulation.PoissonInterval(uncalibrated), "runs uncalibrated", uncalibrated <= Simulation.Margin(0.003 * runs), $"{runs} runs");
        }
    }

    /// <summary>Line 5: the level is a time, so traffic far from the fitted rate keeps the budget per time.</summary>
    public static IEnumerable<BudgetLine> Rates(double scale)
    {
        // Budget 10 per 30 days, so that one run says something; fitted at 2,000 a day.
        foreach (var (id, factor, runs) in new[] { ("5a", 50.0, 3), ("5b", 0.1, 40) })
        {
            var repeats = Simulation.Scaled(runs, scale);
            var days = 30 * Math.Min(1, scale * runs);
            const double Level = 30 * 2_000 / 10.0;
            foreach (var (number, options) in new[] { (1, Simulation.Equality), (2, Simulation.Default), (3, Simulation.Default.ForLevel(Level)) })
            {
                var alarms = 0L;
                for (var run = 0; run < repeats; run++)
                {
                    var random = new Random(50_000 + run);
                    var bank = new EvidenceBank(StreamReference.Numeric(Simulation.Gaussians(random, 5_000)), options);
                    alarms += Simulation.Crossings(bank, Level, (int)(days * 2_000 * factor), _ => Simulation.Gaussian(random), elapsed: 1 / factor, seed: run);
                }

                yield return Simulation.Alarms(id + number, $"traffic at {factor} times the fitted rate, 10 per 30 d, δ = {options.Tolerance}{(options.Horizon is null ? "" : ", with the horizon")}", repeats * days / 30 * 10, alarms, $"{repeats} × {days:F1} days of {2_000 * factor:N0}");
            }
        }
    }

    /// <summary>Traffic with a daily and a weekly sine.</summary>
    private sealed class Traffic(Random random, double daily, double weekly, int perDay, double sigma)
    {
        private double At(long ms) => (sigma * Simulation.Gaussian(random))
            + (daily * Math.Sin(2 * Math.PI * ms / DayMs)) + (weekly * Math.Sin(2 * Math.PI * ms / (7.0 * DayMs)));

        /// <summary>A reference of so many values spread evenly over four whole weeks, and the slots that the fit chooses.</summary>
        public (StreamReference Reference, SlotScheme Scheme) Fit(int count)
        {
            var values = new double[count];
            var times = new long[count];
            for (var i = 0; i < count; i++)
            {
                times[i] = StartMs + (long)(28.0 * DayMs * i / count);
                values[i] = At(times[i] - StartMs);
            }

            var scheme = SlotChoice.Fit(values, times, StreamKind.Numeric).Scheme;
            return (StreamReference.Numeric(values, [.. times.Select(t => SlotChoice.SlotOf(scheme, t))], SlotChoice.Count(scheme)), scheme);
        }

        public int Run(EvidenceBank bank, SlotScheme scheme, int days, double level)
        {
            long At0(int t) => StartMs + (28 * DayMs) + (long)((double)t * DayMs / perDay);
            return Simulation.Crossings(bank, level, days * perDay, t => At(At0(t) - StartMs), t => SlotChoice.SlotOf(scheme, At0(t)));
        }
    }
}
