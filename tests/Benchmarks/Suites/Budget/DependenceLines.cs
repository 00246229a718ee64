using Monitoring.Statistics;

namespace Monitoring.Benchmarks.Budget;

/// <summary>RUNTIME 7, line 4: dependent traffic, by fit, admission rule and evidence as the runtime puts them together.</summary>
internal static class DependenceLines
{
    private const double MeanGapMs = 4_320;
    private const double RawLevel = 10_000;
    private const int FitEvents = 40_000;
    private const int ProfileDraws = 2_000;

    public static IEnumerable<BudgetLine> All(double scale)
    {
        var kinds = new (string Id, string Name, Func<Random, IEnumerable<DependentEvent>> Events)[]
        {
            ("4a", "AR(1) 0.7, one client", r => AutoRegressive(r, 0.7)),
            ("4b", "bursts of 8 by one of 50 clients", r => Bursts(r, 8, 50, 1)),
            ("4c", "bursts of 50 by one of 50 clients", r => Bursts(r, 50, 50, 1)),
            ("4d", "every value sent twice", r => Bursts(r, 1, 50, 2)),
            ("4e", "every value sent 5 times", r => Bursts(r, 1, 50, 5)),
            ("4f", "every value sent 20 times", r => Bursts(r, 1, 50, 20)),
            ("4g", "bursts of 8 and 10 % retries, means of bursts as draws", r => Bursts(r, 8, 50, 1, 0.1)),
        };
        foreach (var (id, name, events) in kinds)
        {
            var means = id == "4g";
            var runs = Simulation.Scaled(10, scale, 2);
            var length = Simulation.Scaled(200_000, scale, 40_000);
            long alarms = 0, unprotected = 0, draws = 0;
            var delays = new List<int?>();
            DependenceFit? fit = null;
            for (var run = 0; run < runs; run++)
            {
                var random = new Random(40_000 + run);
                using var source = events(random).GetEnumerator();
                var clean = Take(source, FitEvents);
                fit = DependenceFit.Measure(clean, StreamKind.Numeric);

                // A profile is so many admitted draws, however long they take.
                var profile = Admit(clean, fit.Admission, means);
                while (profile.Count < ProfileDraws)
                {
                    clean = [.. clean, .. Take(source, FitEvents)];
                    profile = Admit(clean, fit.Admission, means);
                }

                var reference = profile.Select(d => d.Value).ToArray();

                // One per 10⁴ raw events: the level in units of the mean time between draws.
                var unit = clean[^1].LogTimeMs / (double)reference.Length;
                var level = RawLevel * MeanGapMs / unit;
                EvidenceBank Bank(double[] values) => new(StreamReference.Numeric(values), Simulation.Equality.ForLevel(level));
                var stream = Take(source, length);
                var admitted = Admit(stream, fit.Admission, means);
                draws += admitted.Count;
                alarms += Count(Bank(reference), admitted, level, unit);
                unprotected += run == 0 ? Count(new EvidenceBank(StreamReference.Numeric(clean.Select(e => e.Value).ToArray()), Simulation.Equality.ForLevel(RawLevel)), [.. stream.Select((e, i) => ((ulong)i, e.Value, e.LogTimeMs))], RawLevel, MeanGapMs) : 0;

                // +1σ from the middle of a shorter part on.
                var after = Take(source, 2_000 + (int)Math.Max(18_000, 500 * unit / MeanGapMs));
                var start = after[0].LogTimeMs;
                var calmUntil = after[2_000].LogTimeMs;
                var changed = after.Select((e, i) => i < 2_000 ? e : e with { Value = e.Value + 1 }).ToArray();
                delays.Add(Found(Bank(reference), Admit(changed, fit.Admission, means), level, unit, start, calmUntil));
            }

            var allowed = runs * length / RawLevel;
            yield return Simulation.Alarms(id, $"{name}, δ = 0, one per 10⁴ raw events", allowed, alarms,
                $"{runs} × {length:N0} events, {draws / (double)(runs * length):P1} admitted; without the rule {unprotected * runs / allowed:F1} times the budget; fit of the last run: τ = {fit!.AutocorrelationTime:F1}, repeats {fit.RepeatShare:P0}, gap {fit.Admission.SessionGapMs / 1000.0:F0} s, autocorrelation {fit.Admission.AutocorrelationMs / 1000.0:F0} s");
            var found = delays.Count(d => d is not null);
            var median = Simulation.Median(delays.Where(d => d != -1));
            yield return new BudgetLine(id + "'", $"{name}: +1σ still found within 500 draws or 18,000 raw events", runs, found, median.Interval, $"runs, all wanted; median {median.Median} raw events (interval)", found == runs, $"{runs} runs");
        }
    }

    private static DependentEvent[] Take(IEnumerator<DependentEvent> source, int count)
    {
        var events = new DependentEvent[count];
        for (var i = 0; i < count; i++)
        {
            source.MoveNext();
            events[i] = source.Current;
        }

        return events;
    }

    private static List<(ulong Tie, double Value, long TimeMs)> Admit(DependentEvent[] events, AdmissionSettings settings, bool means)
    {
        var draws = new List<(ulong, double, long)>();
        if (means)
        {
            var rule = new BurstMeans(settings, 1);
            foreach (var e in events)
            {
                rule.Offer(e.Client, e.Payload, e.Payload, e.LogTimeMs, [e.Value], (tie, values) => draws.Add((tie, values.Span[0], e.LogTimeMs)));
            }

            return draws;
        }

        var first = new AdmissionRule(settings);
        foreach (var e in events)
        {
            if (first.Offer(e.Client, e.Payload, e.LogTimeMs) == Admission.Draw)
            {
                draws.Add((e.Payload, e.Value, e.LogTimeMs));
            }
        }

        return draws;
    }

    private static int Count(EvidenceBank bank, List<(ulong Tie, double Value, long TimeMs)> draws, double level, double unit)
    {
        var alarms = 0;
        for (var i = 1; i < draws.Count; i++)
        {
            bank.Update(draws[i].Value, draws[i].Tie, 0, (draws[i].TimeMs - draws[i - 1].TimeMs) / unit, i);
            if (bank.Value >= level)
            {
                alarms++;
                bank.Restart();
            }
        }

        return alarms;
    }

    /// <summary>Raw events (by time) from the change to the alarm.</summary>
    private static int? Found(EvidenceBank bank, List<(ulong Tie, double Value, long TimeMs)> draws, double level, double unit, long start, long change)
    {
        var last = start;
        foreach (var (tie, value, time) in draws)
        {
            bank.Update(value, tie, 0, (time - last) / unit, time);
            last = time;
            if (bank.Value >= level)
            {
                return time < change ? -1 : (int)((time - change) / MeanGapMs);
            }
        }

        return null;
    }

    private static IEnumerable<DependentEvent> AutoRegressive(Random random, double rho)
    {
        var x = Simulation.Gaussian(random);
        for (var t = 1L; ; t++)
        {
            x = (rho * x) + (Math.Sqrt(1 - (rho * rho)) * Simulation.Gaussian(random));
            yield return new DependentEvent(1, (long)(t * MeanGapMs), (ulong)t, x);
        }
    }

    /// <summary>
    /// Bursts: about ten open at a time, each by one client and around one value (0.9 of the variance between bursts), events about
    /// 43 s apart within a burst; every value is sent so many times, and a share of events is sent again.
    /// </summary>
    private static IEnumerable<DependentEvent> Bursts(Random random, int mean, int clients, int copies, double retries = 0)
    {
        const int Open = 10;
        var client = new int[Open];
        var level = new double[Open];
        var left = new int[Open];
        var busy = new HashSet<int>();
        ulong payload = 0;
        var time = 0.0;
        (int Slot, double Value, ulong Payload, int Times)? again = null;
        while (true)
        {
            time += MeanGapMs * -Math.Log(1 - random.NextDouble());
            if (again is { } repeat && repeat.Times > 0)
            {
                again = repeat with { Times = repeat.Times - 1 };
                yield return new DependentEvent((ulong)client[repeat.Slot], (long)time, repeat.Payload, repeat.Value);
                continue;
            }

            var slot = random.Next(Open);
            if (left[slot] <= 0)
            {
                busy.Remove(client[slot]);
                do
                {
                    client[slot] = 1 + random.Next(clients);
                }
                while (!busy.Add(client[slot]));
                level[slot] = Simulation.Gaussian(random);

                // Geometric lengths, as sessions have.
                left[slot] = mean == 1 ? 1 : 1 + (int)(Math.Log(1 - random.NextDouble()) / Math.Log(1 - (1.0 / mean)));
            }

            left[slot]--;
            payload++;
            var value = mean == 1 ? level[slot] : (Math.Sqrt(0.9) * level[slot]) + (Math.Sqrt(0.1) * Simulation.Gaussian(random));
            var times = copies - 1 + (retries > 0 && random.NextDouble() < retries ? 1 : 0);
            again = times > 0 ? (slot, value, payload, times) : null;
            yield return new DependentEvent((ulong)client[slot], (long)time, payload, value);
        }
    }
}
