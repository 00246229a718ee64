using System.Globalization;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Monitoring.AllInOne.Backtest;
using Monitoring.Benchmarks.Power;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.Drift;
using Monitoring.Scoring;

namespace Monitoring.Benchmarks.Suites;

/// <summary>
/// <c>power [--scale 0.1] [--data Gaussian] [--kinds ks,mmd] [--level 10000] [--write docs/reference/drift-power.md] --json F</c>: after how many rows every kind
/// of drift finds a change, all at one budget of one false alarm in <c>level</c> rows. At scale 1 twenty streams a cell, over four references.
/// </summary>
internal static class PowerSuite
{
    private const int Streams = 20;
    private const int References = 4;
    private const int BatchRows = 250;
    private const string Clean = "clean";

    public static async Task<object> RunAsync(BenchmarkArguments arguments)
    {
        var scale = double.Parse(arguments["scale", "1"], CultureInfo.InvariantCulture);
        var level = double.Parse(arguments["level", "10000"], CultureInfo.InvariantCulture);
        var streams = Math.Max(1, (int)Math.Round(Streams * scale));
        var references = Math.Clamp((int)Math.Round(References * scale), 1, streams);
        await using var provider = BacktestVerb.BuildServices([new DriftModule()], arguments["device", "cpu"]);
        var runtime = provider.GetRequiredService<ScoringRuntime>();
        var registry = new MonitorKinds(provider.GetServices<IMonitorKind>());
        string[] kinds = arguments["kinds", ""] is { Length: > 0 } only ? only.Split(',') : [.. registry.Names.Where(n => registry[n].Family == Family.Drift)];
        var cells = new List<PowerCell>();
        var clock = System.Diagnostics.Stopwatch.StartNew();
        var datas = new List<(string Name, Func<PowerData> Make)> { ("Gaussian", PowerData.Gaussian), ("Digits", () => PowerData.Digits(runtime)), ("Flights", () => PowerData.Flights(runtime)) };
        var notes = new List<(string Name, string Note)>();
        foreach (var (name, make) in datas.Where(d => arguments["data", d.Name] == d.Name))
        {
            var data = make();
            notes.Add((name, data.Note));
            cells.AddRange(await MeasureAsync(data, kinds.Select(k => registry[k]).ToList(), level, streams, references).ConfigureAwait(false));
            await Console.Error.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{clock.Elapsed.TotalSeconds,6:F0} s  {name}")).ConfigureAwait(false);
        }

        if (arguments["write", ""] is { Length: > 0 } page)
        {
            await File.WriteAllTextAsync(page, Page(cells, notes, kinds, level, streams, references)).ConfigureAwait(false);
        }

        return new { scale, level, streams, references, seconds = clock.Elapsed.TotalSeconds, cells };
    }

    private static async Task<List<PowerCell>> MeasureAsync(PowerData data, IReadOnlyList<IMonitorKind> kinds, double level, int streams, int references)
    {
        var delays = new Dictionary<(string Kind, string Change), List<double>>();
        var alarms = new Dictionary<(string Kind, string Change), int>();
        for (var r = 0; r < references; r++)
        {
            var reference = ReferenceData.Split(data.Reference(1_000 + r));
            var fitted = new List<(IMonitorKind Kind, object Options, FittedParameters Parameters, IReadOnlyList<List<double>> Calibration)>();
            foreach (var kind in kinds)
            {
                var options = MonitorOptions.Create(kind, data.Options(kind.Name));
                try
                {
                    var parameters = await kind.FitAsync(new FitContext(data.Model, reference, options, (ulong)r), CancellationToken.None).ConfigureAwait(false);
                    var monitor = kind.Create(new MonitorContext("power", data.Model, options, parameters.Bytes, (ulong)r));
                    fitted.Add((kind, options, parameters, await BacktestEngine.CalibrateAsync(monitor, parameters, reference, CancellationToken.None).ConfigureAwait(false)));
                }
                catch (FitException e)
                {
                    await Console.Error.WriteLineAsync($"{data.Name}: {e.Message}").ConfigureAwait(false);
                }
            }

            for (var s = r; s < streams; s += references)
            {
                foreach (var (change, rows) in data.Changes.Append((Clean, seed => data.Clean(seed, data.Stationary))))
                {
                    var calm = change == Clean ? 0 : data.Calm;
                    var seed = (int)(StableHash.Of(change, (ulong)s) >> 34);
                    var stream = calm > 0 ? PowerData.Join(data.Clean(seed + 1, calm), rows(seed)) : rows(seed);
                    foreach (var (kind, options, parameters, calibration) in fitted)
                    {
                        var monitor = kind.Create(new MonitorContext("power", data.Model, options, parameters.Bytes, (ulong)r));
                        var (delay, early) = await RunAsync(monitor, calibration, level, stream, calm, stopAtAlarm: change != Clean).ConfigureAwait(false);
                        if (!delays.TryGetValue((kind.Name, change), out var list))
                        {
                            delays.Add((kind.Name, change), list = []);
                        }

                        list.Add(delay);
                        alarms[(kind.Name, change)] = alarms.GetValueOrDefault((kind.Name, change)) + early;
                    }
                }
            }
        }

        return [.. delays.Select(d => new PowerCell(
            data.Name,
            d.Key.Kind,
            d.Key.Change,
            d.Value.Count,
            d.Value.Count(double.IsPositiveInfinity),
            Quantile(d.Value, 0.5),
            Quantile(d.Value, 0.9),
            alarms[d.Key],
            (d.Key.Change == Clean ? data.Stationary : data.Calm) * d.Value.Count / level))];
    }

    // Delay of the first alarm after the change, and the alarms before it (all of them where nothing changes).
    private static async Task<(double Delay, int Early)> RunAsync(IMonitor monitor, IReadOnlyList<List<double>> calibration, double level, RowBatch stream, int calm, bool stopAtAlarm)
    {
        var sink = new BacktestSink(monitor.Variables, calibration, level);
        for (var first = 0; first < stream.Count; first += BatchRows)
        {
            var batch = stream.Slice(first, Math.Min(BatchRows, stream.Count - first));
            var scores = await monitor.ScoreAsync(batch, CancellationToken.None).ConfigureAwait(false);
            for (var row = 0; row < batch.Count; row++)
            {
                sink.Begin(first + row);
                monitor.Apply(batch, row, scores, sink);
                sink.End(batch.Rows[row]);
            }

            if (stopAtAlarm && sink.Alarms.Find(a => a.Row >= calm) is { } alarm)
            {
                return (alarm.Row - calm + 1, sink.Alarms.Count(a => a.Row < calm));
            }
        }

        return (double.PositiveInfinity, stopAtAlarm ? sink.Alarms.Count(a => a.Row < calm) : sink.Alarms.Count);
    }

    private static double? Quantile(List<double> values, double probability)
    {
        var sorted = values.Order().ToArray();
        var value = sorted[Math.Min(sorted.Length - 1, (int)Math.Ceiling(probability * sorted.Length) - 1)];
        return double.IsFinite(value) ? value : null;
    }

    private static string Page(List<PowerCell> cells, List<(string Name, string Note)> notes, string[] kinds, double level, int streams, int references)
    {
        var c = CultureInfo.InvariantCulture;
        var text = new StringBuilder();
        text.Append(c, $"# How soon drift is found\n\nGenerated by `dotnet run -c Release --project tests/Benchmarks -- power --write docs/reference/drift-power.md`; do not edit. ");
        text.Append(c, $"Every kind with its default options at one budget: one false alarm in {level:N0} rows. Each cell: the median number of rows from the change to the alarm, the 90 % quantile in brackets, over {streams} streams and {references} references; a miss counts as never, and misses are shown. ");
        text.Append("The last column counts alarms on streams without any change against what the budget allows on average. A dash: the kind does not apply to these columns. Window kinds (500 rows) decide after whole windows, so their delays are multiples of what they wait for; `ks`, `cvm`, `psi`, `jensen-shannon` and `wasserstein` differ in the statistic that people read and bet alike.\n");
        foreach (var (name, note) in notes)
        {
            var of = cells.Where(x => x.Data == name).ToList();
            string[] changes = [.. of.Select(x => x.Change).Where(x => x != Clean).Distinct(StringComparer.Ordinal)];
            text.Append(c, $"\n## {name}\n\n{note}\n\n| kind |{string.Concat(changes.Select(x => $" {x} |"))} clean: alarms (allowed) |\n|---|{string.Concat(changes.Select(_ => "---|"))}---|\n");
            foreach (var kind in kinds)
            {
                text.Append(c, $"| `{kind}` |{string.Concat(changes.Select(x => $" {Show(of.Find(y => y.Kind == kind && y.Change == x))} |"))} {(of.Find(y => y.Kind == kind && y.Change == Clean) is { } clean ? string.Create(c, $"{clean.FalseAlarms} ({clean.Allowed:0.#})") : "–")} |\n");
            }
        }

        return text.ToString();

        string Show(PowerCell? cell)
        {
            static string Number(double? value) => value is { } number ? number.ToString("N0", CultureInfo.InvariantCulture) : "never";
            return cell is null ? "–"
                : cell.Missed == cell.Runs ? $"missed {cell.Runs} of {cell.Runs}"
                : $"{Number(cell.Median)} ({Number(cell.Ninth)}){(cell.Missed > 0 ? $", missed {cell.Missed} of {cell.Runs}" : "")}";
        }
    }
}
