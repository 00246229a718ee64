using System.Globalization;
using Monitoring.Statistics;

namespace Monitoring.Detection;

/// <summary>Fits a profile: parameters of every monitor on one part of the reference, calibration of its variables on the other (RUNTIME 5).</summary>
public sealed class ProfileFitter(MonitorKinds kinds)
{
    private const int BatchRows = 1024;

    /// <summary>Level of the check for change within the reference: one false "changed" in 10⁶ draws per monitor.</summary>
    private const double StationarityLevel = 1e6;

    /// <summary>Fewest honest clients, and values of each, that show how clients differ.</summary>
    private const int MinimumClients = 5;
    private const int MinimumClientValues = 20;

    /// <summary>Fits all monitors of a model. The same arguments give the same bytes.</summary>
    /// <param name="monitors">The monitors, of one or of all groups.</param>
    /// <param name="reference">Clean data; its rows' <see cref="RowInfo.Admitted"/> says which are independent draws.</param>
    /// <param name="origin">For people: <c>reference</c>, <c>traffic</c>, <c>incident 12</c>.</param>
    /// <param name="sessionGap">Silence that ends a client's burst; null: none.</param>
    /// <param name="cancellationToken">Stops.</param>
    /// <returns>The candidate; monitors that this data cannot carry are left out of it and named.</returns>
    public async ValueTask<FittedProfile> FitAsync(IReadOnlyList<WatchedMonitor> monitors, ReferenceData reference, string origin, TimeSpan? sessionGap, CancellationToken cancellationToken)
    {
        var model = reference.All.Model;
        var warnings = new List<string>();
        var changed = new List<string>();
        var failures = new List<string>();
        var raw = new List<(WatchedMonitor Monitor, object Options, FittedParameters Fitted, IMonitor Instance, RecordingSink Observed)>();
        foreach (var watched in monitors)
        {
            var kind = kinds[watched.Kind];
            var options = MonitorOptions.Create(kind, watched.Options);
            var seed = Seed(watched.Name, model);
            var context = new FitContext(model, reference, options, seed);
            FittedParameters fitted;
            try
            {
                fitted = await kind.FitAsync(context, cancellationToken).ConfigureAwait(false);
            }
            catch (FitException e)
            {
                failures.Add($"{watched.Name}: {e.Message}");
                continue;
            }

            warnings.AddRange(context.Warnings.Select(w => $"{watched.Name}: {w}"));
            var instance = kind.Create(new MonitorContext(watched.Name, model, options, fitted.Bytes, seed));
            var observed = await ObserveAsync(instance, fitted, reference, cancellationToken).ConfigureAwait(false);
            raw.Add((watched, options, fitted, instance, observed));
        }

        var rule = ChooseSlots(reference, raw.Select(r => (r.Instance.Variables, r.Observed)));
        var profiles = new List<MonitorProfile>();
        foreach (var (watched, options, fitted, instance, observed) in raw)
        {
            var variables = instance.Variables.Select((v, i) => Freeze(watched.Name, v, observed.Rows(i), observed.Values(i), rule, warnings)).ToArray();
            profiles.Add(new MonitorProfile(watched.Name, watched.Kind, MonitorOptions.Canonical(options), fitted.Bytes, variables));
            changed.AddRange(ChangedWithin(instance.Variables, observed, rule).Select(name => $"{watched.Name}: {name}"));
        }

        var rows = reference.All.Rows.ToArray();
        var draws = rows.Count(r => r.Admitted);
        var span = rows.Length > 0 ? rows[^1].TimeUnixNano - rows[0].TimeUnixNano : 0;
        if (span > 0 && span < TimeSpan.FromDays(1).Ticks * 100)
        {
            warnings.Add($"the reference spans {TimeSpan.FromTicks(span / 100):g}: daily cycles are unknown to it and will look like change");
        }

        warnings.AddRange(changed.Select(name => $"the reference changes within itself ({name})"));
        var profile = new Profile
        {
            Model = model,
            Origin = origin,
            Rows = rows.Length,
            Draws = draws,
            FromUnixNano = rows.Length > 0 ? rows[0].TimeUnixNano : 0,
            ToUnixNano = rows.Length > 0 ? rows[^1].TimeUnixNano : 0,
            UnitNano = span > 0 && draws > 1 ? Math.Max(1, span / (draws - 1)) : 1_000_000_000,
            SessionGapNano = (sessionGap ?? TimeSpan.Zero).Ticks * 100,
            Slots = rule,
            Monitors = profiles,
        };
        return new FittedProfile(profile, warnings, changed, failures);
    }

    /// <summary>Seed of a monitor of a model.</summary>
    internal static ulong Seed(string monitor, ModelDescription model) =>
        StableHash.Combine(StableHash.Of(monitor), StableHash.Combine(StableHash.Of(model.Name), StableHash.Of(model.Version)));

    private static async ValueTask<RecordingSink> ObserveAsync(IMonitor monitor, FittedParameters fitted, ReferenceData reference, CancellationToken cancellationToken)
    {
        var sink = new RecordingSink(monitor.Variables);
        if (fitted.Calibration is { } columns)
        {
            foreach (var column in columns)
            {
                for (var i = 0; i < column.Values.Count; i++)
                {
                    sink.Add(column.Variable, reference.All.Rows[column.Rows[i]], column.Values[i]);
                }
            }

            return sink;
        }

        for (var start = 0; start < reference.Calibration.Count; start += BatchRows)
        {
            var batch = reference.Calibration.Slice(start, Math.Min(BatchRows, reference.Calibration.Count - start));
            var scores = await monitor.ScoreAsync(batch, cancellationToken).ConfigureAwait(false);
            for (var row = 0; row < batch.Count; row++)
            {
                sink.Begin(batch.Rows[row]);
                monitor.Apply(batch, row, scores, sink);
            }
        }

        return sink;
    }

    /// <summary>
    /// Slots where the reference covers the cycle, and a variable differs between them: the between-slot F statistic, (k − 1)·F ≈ χ² with k − 1
    /// degrees of freedom, five standard deviations above its mean.
    /// </summary>
    private static SlotRule ChooseSlots(ReferenceData reference, IEnumerable<(IReadOnlyList<Variable> Variables, RecordingSink Observed)> monitors)
    {
        if (!reference.HasTimes)
        {
            return SlotRule.None;
        }

        var all = monitors.ToList();
        foreach (var rule in new[] { SlotRule.HourOfWeek, SlotRule.HourOfDay })
        {
            var count = Slots.Count(rule);
            foreach (var (variables, observed) in all)
            {
                for (var v = 0; v < variables.Count; v++)
                {
                    if (variables[v].Type == VariableType.Numeric && !variables[v].PerSubject && Differs(observed.Rows(v), observed.Values(v), rule, count))
                    {
                        return rule;
                    }
                }
            }
        }

        return SlotRule.None;
    }

    private static bool Differs(IReadOnlyList<RowInfo> rows, IReadOnlyList<double> values, SlotRule rule, int slots)
    {
        var counts = new int[slots];
        var sums = new double[slots];
        var squares = 0.0;
        var total = 0.0;
        var n = 0;
        for (var i = 0; i < values.Count; i++)
        {
            if (double.IsFinite(values[i]))
            {
                var slot = Slots.Of(rule, rows[i].TimeUnixNano);
                counts[slot]++;
                sums[slot] += values[i];
                squares += values[i] * values[i];
                total += values[i];
                n++;
            }
        }

        if (counts.Any(c => c < StreamReference.MinimumValues))
        {
            return false;
        }

        var mean = total / n;
        var between = 0.0;
        for (var s = 0; s < slots; s++)
        {
            var difference = (sums[s] / counts[s]) - mean;
            between += counts[s] * difference * difference;
        }

        var within = squares - (n * mean * mean) - between;
        var degrees = slots - 1;
        return within > 0 && between / (within / (n - slots)) > degrees + (5 * Math.Sqrt(2.0 * degrees));
    }

    private static VariableProfile Freeze(string monitor, Variable variable, IReadOnlyList<RowInfo> rows, IReadOnlyList<double> values, SlotRule rule, List<string> warnings)
    {
        if (variable.Type == VariableType.Bet)
        {
            return new VariableProfile(variable.Name, null, 0, double.NaN, 0, []);
        }

        var finite = values.Where(double.IsFinite).Order().ToArray();
        var mean = finite.Length > 0 ? finite.Average() : double.NaN;
        var deviation = finite.Length > 1 ? Math.Sqrt(finite.Sum(v => (v - mean) * (v - mean)) / (finite.Length - 1)) : 0;
        double[] quantiles = finite.Length > 0 ? [.. Enumerable.Range(0, 11).Select(q => finite[(int)Math.Round(q / 10.0 * (finite.Length - 1))])] : [];
        double[] usable = [.. values];
        int[] slots = [.. rows.Select(r => Slots.Of(rule, r.TimeUnixNano))];
        var present = usable.Count(v => !double.IsNaN(v));
        if (present < StreamReference.MinimumValues)
        {
            warnings.Add(string.Create(CultureInfo.InvariantCulture, $"{monitor}: {variable.Name} has {present} clean values, {StreamReference.MinimumValues} are needed: uncalibrated"));
            return new VariableProfile(variable.Name, null, present, mean, deviation, quantiles);
        }

        StreamReference reference;
        try
        {
            reference = variable.Type == VariableType.Categorical
                ? StreamReference.Categorical(usable, rule == SlotRule.None ? default : slots, Slots.Count(rule))
                : StreamReference.Numeric(usable, rule == SlotRule.None ? default : slots, Slots.Count(rule));
        }
        catch (ArgumentException e)
        {
            warnings.Add($"{monitor}: {variable.Name}: {e.Message}: uncalibrated");
            return new VariableProfile(variable.Name, null, present, mean, deviation, quantiles);
        }

        var concentration = variable.PerSubject ? FitConcentration(rows, usable, quantiles, present) : null;
        if (variable.PerSubject && concentration is null)
        {
            warnings.Add($"{monitor}: {variable.Name} is watched per client, but the reference has fewer than {MinimumClients} clients with {MinimumClientValues} values each: uncalibrated");
        }

        return new VariableProfile(variable.Name, reference, present, mean, deviation, quantiles, concentration);
    }

    /// <summary>
    /// Concentration s of a Dirichlet-multinomial over decile bins, by moments: Pearson's X² of a client with n values has mean (K − 1)(1 + (n − 1)/(s + 1))
    /// (Brier, Biometrika 1980). Clients that do not differ get the size of the reference.
    /// </summary>
    private static double? FitConcentration(IReadOnlyList<RowInfo> rows, double[] values, double[] quantiles, int count)
    {
        double[] cuts = [.. quantiles.Skip(1).Take(9).Distinct()];
        var bins = cuts.Length + 1;
        var pool = new double[bins];
        var clients = new SortedDictionary<string, double[]>(StringComparer.Ordinal);
        for (var i = 0; i < values.Length; i++)
        {
            if (double.IsNaN(values[i]) || rows[i].Client.Length == 0)
            {
                continue;
            }

            var bin = cuts.AsSpan().BinarySearch(values[i]);
            bin = bin >= 0 ? bin : ~bin;
            pool[bin]++;
            if (!clients.TryGetValue(rows[i].Client, out var own))
            {
                clients.Add(rows[i].Client, own = new double[bins]);
            }

            own[bin]++;
        }

        var total = pool.Sum();
        var usable = clients.Values.Where(c => c.Sum() >= MinimumClientValues).ToList();
        if (usable.Count < MinimumClients)
        {
            return null;
        }

        var occupied = Enumerable.Range(0, bins).Where(b => pool[b] > 0).ToArray();
        if (occupied.Length < 2)
        {
            return count;
        }

        var excess = 0.0;
        var weight = 0.0;
        foreach (var client in usable)
        {
            var n = client.Sum();
            var x = occupied.Sum(b => Math.Pow(client[b] - (n * pool[b] / total), 2) / (n * pool[b] / total));
            excess += (x / (occupied.Length - 1)) - 1;
            weight += n - 1;
        }

        return excess <= 0 ? count : Math.Clamp((weight / excess) - 1, 0.5, count);
    }

    /// <summary>Names of variables whose second half is not as the first.</summary>
    private static List<string> ChangedWithin(IReadOnlyList<Variable> variables, RecordingSink observed, SlotRule rule)
    {
        var changed = new List<string>();
        for (var v = 0; v < variables.Count; v++)
        {
            if (variables[v].Type == VariableType.Bet || variables[v].PerSubject)
            {
                continue;
            }

            var values = observed.Values(v);
            var half = values.Count / 2;
            double[] first = [.. values.Take(half)];
            if (first.Count(x => !double.IsNaN(x)) < StreamReference.MinimumValues)
            {
                continue;
            }

            int[] slots = [.. observed.Rows(v).Select(r => Slots.Of(rule, r.TimeUnixNano))];
            StreamReference reference;
            try
            {
                var slotted = rule == SlotRule.None ? default : slots.AsSpan(0, half);
                reference = variables[v].Type == VariableType.Categorical
                    ? StreamReference.Categorical(first, slotted, Slots.Count(rule))
                    : StreamReference.Numeric(first, slotted, Slots.Count(rule));
            }
            catch (ArgumentException)
            {
                continue;
            }

            var bank = new EvidenceBank(reference);
            for (var i = half; i < values.Count; i++)
            {
                bank.Update(values[i], observed.Rows(v)[i].EventHash, slots[i], 1, i);
                if (bank.Value >= StationarityLevel * variables.Count)
                {
                    changed.Add(variables[v].Name);
                    break;
                }
            }
        }

        return changed;
    }
}
