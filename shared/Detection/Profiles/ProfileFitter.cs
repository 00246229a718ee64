using System.Globalization;
using Monitoring.Statistics;

namespace Monitoring.Detection;

/// <summary>Fits a profile: parameters of every monitor on one part of the reference, calibration of its variables on the other (RUNTIME 5).</summary>
/// <param name="kinds">Registered kinds.</param>
/// <param name="answers">Asks models how sensitive they are; null: findings tell no impact.</param>
public sealed class ProfileFitter(MonitorKinds kinds, ModelAnswers? answers = null)
{
    private const int BatchRows = 1024;

    /// <summary>Level of the check for change within the reference: one false "changed" in 10⁶ draws per monitor.</summary>
    private const double StationarityLevel = 1e6;

    /// <summary>Level of the replay of a held-out part, in draws; it looks at lower ones too.</summary>
    private const double CheckLevel = 1e6;

    /// <summary>Independent draws below which a longer reference is asked for: both halves of the split need <see cref="StreamReference.MinimumValues"/>.</summary>
    private const int FewestDraws = 2 * StreamReference.MinimumValues;

    /// <summary>Fewest honest clients, and values of each, that show how clients differ.</summary>
    private const int MinimumClients = 6;
    private const int MinimumClientValues = 20;

    /// <summary>
    /// What a client has is a stock of its own: a hundred inputs differ from everybody's as much as an urn of a hundred draws does, and what is known of a class from a hundred inputs as much again. Short samples of few clients look alike
    /// whatever they are, and cannot exclude an s of 15,000 where it is 300 (docs/adr/0096).
    /// </summary>
    private const double MostClientConcentration = 50;

    /// <summary>Fits all monitors of a model. The same arguments give the same bytes.</summary>
    /// <param name="monitors">The monitors, of one or of all groups.</param>
    /// <param name="reference">Clean data; its rows' <see cref="RowInfo.Admitted"/> says which are independent draws.</param>
    /// <param name="origin">For people: <c>reference</c>, <c>traffic</c>, <c>incident 12</c>.</param>
    /// <param name="sessionGap">Silence that ends a client's burst; null: measured.</param>
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
            catch (Exception e) when (e is not OperationCanceledException)
            {
                // A kind's mistake: its monitor stays blind, the others are fitted.
                failures.Add($"{watched.Name}: {e.GetType().Name}: {e.Message}");
                continue;
            }

            warnings.AddRange(context.Warnings.Select(w => $"{watched.Name}: {w}"));
            var instance = kind.Create(new MonitorContext(watched.Name, model, options, fitted.Bytes, seed));
            var observed = await ObserveAsync(instance, fitted, reference, cancellationToken).ConfigureAwait(false);
            raw.Add((watched, options, fitted, instance, observed));
        }

        var admission = MeasureDependence(reference, raw.Select(r => (r.Instance.Variables, r.Observed)), sessionGap, warnings);
        var admitted = Admit(reference.All, admission);
        if (reference.HasTimes && admitted.Count < FewestDraws && reference.All.Count >= 2 * FewestDraws)
        {
            // A step looks like long memory too: say which of the two it is, where the events themselves tell.
            var steps = raw.SelectMany(r => ChangedWithin(r.Instance.Variables, r.Observed, SlotScheme.None).Select(name => $"{r.Monitor.Name}: {name}")).ToList();
            changed.AddRange(steps.Count > 0 ? steps : [string.Create(CultureInfo.InvariantCulture, $"only {admitted.Count} of {reference.All.Count} events are independent draws")]);
        }

        foreach (var (_, _, _, _, observed) in raw)
        {
            observed.Keep(admitted);
        }

        var draws = admitted.Count;
        var all = reference.All.Rows.ToArray();
        var span = all.Length > 0 ? all[^1].TimeUnixNano - all[0].TimeUnixNano : 0;
        var unit = span > 0 && draws > 1 ? Math.Max(1, span / (draws - 1)) : 1_000_000_000;
        var (rule, thin) = ChooseSlots(reference, raw.Select(r => (r.Instance.Variables, r.Observed)));
        if (thin)
        {
            warnings.Add("the reference differs between hours, but some hours have too few values to say what is usual in them: uncalibrated until there are more");
        }

        var profiles = new List<MonitorProfile>();
        var reach = new List<MonitorReach>();
        foreach (var (watched, options, fitted, instance, observed) in raw)
        {
            var variables = instance.Variables.Select((v, i) => Freeze(watched.Name, v, observed.Rows(i), observed.Values(i), rule, warnings)).ToArray();
            var uncalibrated = thin ? "hours differ, and some have too few clean values" : Check(instance.Variables, observed, rule, reference.HasTimes);
            if (uncalibrated.Length > 0 && !thin)
            {
                warnings.Add($"{watched.Name}: {uncalibrated}: uncalibrated");
            }

            profiles.Add(new MonitorProfile(watched.Name, watched.Kind, MonitorOptions.Canonical(options), fitted.Bytes, variables, uncalibrated));
            if (reference.HasTimes)
            {
                changed.AddRange(ChangedWithin(instance.Variables, observed, rule).Select(name => $"{watched.Name}: {name}"));
            }

            if (ReachOf(watched, instance.Variables, variables, unit) is { } found)
            {
                reach.Add(found);
                if (found.Shift > Reach.Warning)
                {
                    warnings.Add(string.Create(CultureInfo.InvariantCulture, $"{watched.Name}: the smallest lasting change of {found.Variable} that this reference can ever prove at this budget is {found.Shift:0.00} standard deviations; more reference data lower it"));
                }
            }
        }

        if (span > 0 && span < TimeSpan.FromDays(1).Ticks * 100)
        {
            warnings.Add($"the reference spans {TimeSpan.FromTicks(span / 100):g}: daily cycles are unknown to it and will look like change");
        }

        warnings.AddRange(changed.Select(name => $"the reference changes within itself ({name})"));
        var profile = new Profile
        {
            Model = model,
            Origin = origin,
            Rows = all.Length,
            Draws = draws,
            FromUnixNano = all.Length > 0 ? all[0].TimeUnixNano : 0,
            ToUnixNano = all.Length > 0 ? all[^1].TimeUnixNano : 0,
            UnitNano = unit,
            SessionGapNano = admission.SessionGapMs * 1_000_000,
            AutocorrelationNano = admission.AutocorrelationMs * 1_000_000,
            Slots = rule,
            Monitors = profiles,
            Changes = raw.Exists(r => kinds[r.Monitor.Kind].Family == Contracts.Family.Drift) ? ChangeReference.Fit(reference.All, admitted, answers, warnings.Add) : null,
        };
        return new FittedProfile(profile, warnings, changed, failures, reach);
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

    /// <summary>The admission settings that are safe for every variable: the longest times that any of them asks for.</summary>
    private static AdmissionSettings MeasureDependence(ReferenceData reference, IEnumerable<(IReadOnlyList<Variable> Variables, RecordingSink Observed)> monitors, TimeSpan? sessionGap, List<string> warnings)
    {
        var settings = new AdmissionSettings();
        if (reference.HasTimes)
        {
            foreach (var (variables, observed) in monitors)
            {
                for (var v = 0; v < variables.Count; v++)
                {
                    if (variables[v].Type == VariableType.Bet || variables[v].EveryRow || observed.Values(v).Count < 200)
                    {
                        continue;
                    }

                    var events = observed.Rows(v).Select((r, i) => new DependentEvent(StableHash.Of(r.Client), r.TimeUnixNano / 1_000_000, r.InputHash, observed.Values(v)[i])).ToArray();
                    var fit = DependenceFit.Measure(events, Kind(variables[v]));
                    settings = settings with
                    {
                        SessionGapMs = Math.Max(settings.SessionGapMs, fit.Admission.SessionGapMs),
                        AutocorrelationMs = Math.Max(settings.AutocorrelationMs, fit.Admission.AutocorrelationMs),
                    };
                }
            }
        }

        if (sessionGap is { } given)
        {
            settings = settings with { SessionGapMs = (long)given.TotalMilliseconds };
        }
        else if (settings.SessionGapMs > 0)
        {
            warnings.Add(string.Create(CultureInfo.InvariantCulture, $"a client's events depend on each other: one draw per client and burst, bursts end after {settings.SessionGapMs} ms of silence"));
        }

        return settings;
    }

    /// <summary>Rows that are draws under the settings, by event hash.</summary>
    private static HashSet<ulong> Admit(RowBatch rows, AdmissionSettings settings)
    {
        var rule = new AdmissionRule(settings);
        var admitted = new HashSet<ulong>();
        foreach (ref readonly var row in rows.Rows)
        {
            if (row.Admitted && rule.Offer(StableHash.Of(row.Client), row.InputHash, row.TimeUnixNano / 1_000_000) == Admission.Draw)
            {
                admitted.Add(row.EventHash);
            }
        }

        return admitted;
    }

    private static StreamKind Kind(Variable variable) => variable.Type == VariableType.Categorical ? StreamKind.Categorical : StreamKind.Numeric;

    /// <summary>The finest slots that any variable needs; too thin when one needs finer ones than the reference can fill.</summary>
    private static (SlotScheme Scheme, bool TooThin) ChooseSlots(ReferenceData reference, IEnumerable<(IReadOnlyList<Variable> Variables, RecordingSink Observed)> monitors)
    {
        var scheme = SlotScheme.None;
        var thin = false;
        if (!reference.HasTimes)
        {
            return (scheme, thin);
        }

        var all = monitors.ToList();
        var tests = Math.Max(1, all.Sum(m => m.Variables.Count));
        foreach (var (variables, observed) in all)
        {
            for (var v = 0; v < variables.Count; v++)
            {
                if (variables[v].Type == VariableType.Bet || variables[v].PerSubject || observed.Values(v).Count(x => !double.IsNaN(x)) < StreamReference.MinimumValues)
                {
                    continue;
                }

                var choice = SlotChoice.Fit([.. observed.Values(v)], [.. observed.Rows(v).Select(r => r.TimeUnixNano / 1_000_000)], Kind(variables[v]));
                if (Math.Min(choice.PDay, choice.PWeek) * tests < SlotChoice.Significance)
                {
                    scheme = choice.Scheme > scheme ? choice.Scheme : scheme;
                    thin |= choice.TooThin;
                }
            }
        }

        return (scheme, thin);
    }

    /// <summary>Replays one half of the clean draws against the other (RUNTIME 5); says why the monitor may not page, or nothing.</summary>
    private static string Check(IReadOnlyList<Variable> variables, RecordingSink observed, SlotScheme rule, bool ordered)
    {
        var watched = Enumerable.Range(0, variables.Count).Where(v => variables[v].Type != VariableType.Bet && !variables[v].PerSubject && !variables[v].OwnAlarm).ToArray();
        var draws = new Dictionary<ulong, (RowInfo Row, double[] Values)>();
        for (var w = 0; w < watched.Length; w++)
        {
            for (var i = 0; i < observed.Values(watched[w]).Count; i++)
            {
                var row = observed.Rows(watched[w])[i];
                if (!draws.TryGetValue(row.EventHash, out var draw))
                {
                    draws.Add(row.EventHash, draw = (row, [.. Enumerable.Repeat(double.NaN, watched.Length)]));
                }

                draw.Values[w] = observed.Values(watched[w])[i];
            }
        }

        var half = draws.Values.ToLookup(d => StableHash.ToUnit(StableHash.Combine(d.Row.EventHash, 1)) < 0.5);
        var references = new List<EvidenceVariable>();
        var columns = new List<int>();
        for (var w = 0; w < watched.Length; w++)
        {
            if (TryReference(variables[watched[w]], [.. half[true].Select(d => d.Values[w])], [.. half[true].Select(d => d.Row)], rule) is { } reference)
            {
                references.Add(new EvidenceVariable(variables[watched[w]].Name, variables[watched[w]].Group, reference));
                columns.Add(w);
            }
        }

        if (references.Count == 0)
        {
            return "";
        }

        // Files without times have no order that means anything.
        var heldOut = (ordered ? half[false].OrderBy(d => d.Row.Offset).ThenBy(d => d.Row.EventRow) : half[false].OrderBy(d => d.Row.EventHash))
            .Select(d => new EvidenceDraw([.. columns.Select(c => d.Values[c])], d.Row.EventHash, SlotChoice.SlotOf(rule, d.Row.TimeUnixNano / 1_000_000), 1)).ToList();
        var check = SelfCheck.Run(references, CheckLevel, heldOut);
        var broken = check.Checks.FirstOrDefault(c => c.Alarms > c.Most);
        return check.Calibrated ? ""
            : check.UncoveredDraws > 0 ? "clean traffic falls into hours that the reference does not cover"
            : string.Create(CultureInfo.InvariantCulture, $"a held-out part of the clean reference alarmed {broken.Alarms} times where {broken.Allowed:0.##} are allowed");
    }

    private static MonitorReach? ReachOf(WatchedMonitor watched, IReadOnlyList<Variable> variables, VariableProfile[] profiles, long unitNano)
    {
        var combined = Enumerable.Range(0, variables.Count).Where(v => profiles[v].Reference is not null && !variables[v].PerSubject && !variables[v].OwnAlarm).ToArray();
        if (combined.Length == 0)
        {
            return null;
        }

        // The variable with the fewest values proves least; one is enough to say how small a change can be.
        var weakest = combined.MinBy(v => profiles[v].Count);
        var level = new FalseAlarmBudget(watched.BudgetAlarms, watched.BudgetPeriod).Level(watched.Share, TimeSpan.FromTicks(Math.Max(1, unitNano / 100)));
        var groups = combined.Select(v => variables[v].Group).Distinct(StringComparer.Ordinal).Count();
        var weight = 1.0 / groups / combined.Count(v => string.Equals(variables[v].Group, variables[weakest].Group, StringComparison.Ordinal));
        var reach = Reach.Of(profiles[weakest].Reference!, Math.Max(2, level / weight));
        return new MonitorReach(watched.Name, variables[weakest].Name, reach.Shift, reach.Draws);
    }

    /// <summary>Null where there are too few clean values.</summary>
    private static StreamReference? TryReference(Variable variable, double[] values, RowInfo[] rows, SlotScheme rule)
    {
        int[] slots = rule == SlotScheme.None ? [] : [.. rows.Select(r => SlotChoice.SlotOf(rule, r.TimeUnixNano / 1_000_000))];
        try
        {
            return variable.Type == VariableType.Categorical
                ? StreamReference.Categorical(values, slots, SlotChoice.Count(rule))
                : StreamReference.Numeric(values, slots, SlotChoice.Count(rule));
        }
        catch (ArgumentException)
        {
            return null;
        }
    }

    private static VariableProfile Freeze(string monitor, Variable variable, IReadOnlyList<RowInfo> rows, IReadOnlyList<double> values, SlotScheme rule, List<string> warnings)
    {
        if (variable.Type == VariableType.Bet)
        {
            return new VariableProfile(variable.Name, null, 0, double.NaN, 0, []);
        }

        var finite = values.Where(double.IsFinite).Order().ToArray();
        var mean = finite.Length > 0 ? finite.Average() : double.NaN;
        var deviation = finite.Length > 1 ? Math.Sqrt(finite.Sum(v => (v - mean) * (v - mean)) / (finite.Length - 1)) : 0;
        double[] quantiles = finite.Length > 0 ? [.. Enumerable.Range(0, 11).Select(q => finite[(int)Math.Round(q / 10.0 * (finite.Length - 1))])] : [];
        var present = values.Count(v => !double.IsNaN(v));
        if (TryReference(variable, [.. values], [.. rows], rule) is not { } reference)
        {
            warnings.Add(string.Create(CultureInfo.InvariantCulture, $"{monitor}: {variable.Name} has {present} clean values, {StreamReference.MinimumValues} in one slot are needed: uncalibrated"));
            return new VariableProfile(variable.Name, null, present, mean, deviation, quantiles);
        }

        if (!variable.PerSubject)
        {
            return new VariableProfile(variable.Name, reference, present, mean, deviation, quantiles);
        }

        var (concentration, factor) = FitClients(reference, rows, values, rule);
        if (concentration is null)
        {
            warnings.Add($"{monitor}: {variable.Name} is watched per client, but the reference has fewer than {MinimumClients} clients with {MinimumClientValues} values each: uncalibrated");
        }

        return new VariableProfile(variable.Name, reference, present, mean, deviation, quantiles, concentration, factor);
    }

    /// <summary>How honest clients differ: the urn's concentration fitted on every other client, the factor on the level measured on the rest.</summary>
    private static (double? Concentration, double Factor) FitClients(StreamReference reference, IReadOnlyList<RowInfo> rows, IReadOnlyList<double> values, SlotScheme rule)
    {
        var clients = Enumerable.Range(0, values.Count)
            .Where(i => rows[i].Client.Length > 0 && !double.IsNaN(values[i]))
            .GroupBy(i => rows[i].Client, StringComparer.Ordinal)
            .Where(g => g.Count() >= MinimumClientValues)
            .OrderBy(g => StableHash.Of(g.Key))
            .Select(g => new ClientSample([.. g.Select(i => values[i])], rule == SlotScheme.None ? [] : [.. g.Select(i => SlotChoice.SlotOf(rule, rows[i].TimeUnixNano / 1_000_000))]))
            .ToList();
        if (clients.Count < MinimumClients)
        {
            return (null, 1);
        }

        var concentration = Math.Min(ClientSpread.Fit(reference, [.. clients.Where((_, i) => i % 2 == 0)]), MostClientConcentration);
        return (concentration, ClientSpread.LevelFactor(reference, new EvidenceOptions { Concentration = concentration }, [.. clients.Where((_, i) => i % 2 == 1)]));
    }

    /// <summary>Names of variables whose second half is not as the first.</summary>
    private static List<string> ChangedWithin(IReadOnlyList<Variable> variables, RecordingSink observed, SlotScheme rule)
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
            if (TryReference(variables[v], first, [.. observed.Rows(v).Take(half)], rule) is not { } reference)
            {
                continue;
            }

            var bank = new EvidenceBank(reference, new EvidenceOptions().ForLevel(StationarityLevel));
            for (var i = half; i < values.Count; i++)
            {
                bank.Update(values[i], observed.Rows(v)[i].EventHash, SlotChoice.SlotOf(rule, observed.Rows(v)[i].TimeUnixNano / 1_000_000), 1, i);
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
