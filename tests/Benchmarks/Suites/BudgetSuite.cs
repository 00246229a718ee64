using System.Globalization;
using System.Text;
using Monitoring.Benchmarks.Budget;

namespace Monitoring.Benchmarks.Suites;

/// <summary>
/// RUNTIME 7 at full size: <c>budget [--line N] [--scale 0.1] [--write docs/reference/budget.md] --json F</c>. Lines run one after
/// the other on one core.
/// </summary>
internal static class BudgetSuite
{
    private static readonly Lazy<Digits> s_digits = new(() => new Digits(new DigitsModel().Classify));

    private static readonly (int Line, Func<double, IEnumerable<BudgetLine>> Run)[] s_lines =
    [
        (1, StationaryLines.Gaussian),
        (1, StationaryLines.Long),
        (1, scale => DigitLines.Stationary(s_digits.Value, scale)),
        (2, DelayLines.Gaussian),
        (2, scale => DigitLines.Delays(s_digits.Value, scale)),
        (3, CycleLines.Cycles),
        (4, DependenceLines.All),
        (5, CycleLines.Rates),
        (6, DelayLines.Tolerance),
        (7, ManyLines.Many),
        (8, scale => DigitLines.Clients(s_digits.Value, scale)),
        (10, ManyLines.Replay),
        (11, ReachLines.All),
    ];

    public static Task<object> RunAsync(BenchmarkArguments arguments)
    {
        var only = arguments["line", ""];
        var scale = double.Parse(arguments["scale", "1"], CultureInfo.InvariantCulture);
        var lines = new List<BudgetLine>();
        var seconds = new SortedDictionary<int, double>();
        foreach (var (number, run) in s_lines)
        {
            if (only.Length > 0 && only != number.ToString(CultureInfo.InvariantCulture))
            {
                continue;
            }

            var watch = System.Diagnostics.Stopwatch.StartNew();
            foreach (var line in run(scale))
            {
                lines.Add(line);
                Console.Error.WriteLine($"{watch.Elapsed.TotalSeconds,6:F1} s  {line.Id,-4} {(line.Ok ? "ok  " : "MISS")} {line.Observed} of {line.Allowed} {line.Unit}: {line.Name} ({line.Detail})");
            }

            seconds[number] = seconds.GetValueOrDefault(number) + watch.Elapsed.TotalSeconds;
        }

        if (arguments["write", ""] is { Length: > 0 } file)
        {
            File.WriteAllText(file, Page(lines, scale, seconds.Values.Sum()));
        }

        return Task.FromResult<object>(new { scale, ok = lines.TrueForAll(l => l.Ok), seconds, lines });
    }

    private static string Page(List<BudgetLine> lines, double scale, double seconds)
    {
        var text = new StringBuilder();
        text.AppendLine("# What the budget keeps").AppendLine();
        text.AppendLine(CultureInfo.InvariantCulture, $"Written by `dotnet run -c Release --project tests/Benchmarks -- budget --scale {scale} --write docs/reference/budget.md` in {seconds:F0} s on one core of {Environment.ProcessorCount}; do not edit.");
        text.AppendLine().AppendLine("The promises of the monitor runtime as simulations, on seeds. Profile and stream are drawn from one population unless the line says otherwise. Alarms are counted as crossings of the level, without the latch that makes them fewer. *Observed* may exceed *allowed* by the 99 % Poisson margin where the allowed number is an average; *interval* is the exact 95 % one of the observed count, or of the median.");
        text.AppendLine().AppendLine("| line | what | allowed | observed | interval | unit | kept | how much |").AppendLine("|---|---|---|---|---|---|---|---|");
        foreach (var l in lines)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"| {l.Id} | {l.Name} | {(double.IsNaN(l.Allowed) ? "–" : l.Allowed.ToString("0.###", CultureInfo.InvariantCulture))} | {l.Observed:0.###} | {l.Interval[0]:0.###} – {l.Interval[1]:0.###} | {l.Unit} | {(double.IsNaN(l.Allowed) ? "–" : l.Ok ? "yes" : "**no**")} | {l.Detail} |");
        }

        text.AppendLine().AppendLine("Lines marked ' belong to the line before: what is still found, or what the defaults give. Lines R say how good the reach is that `fit` prints. Line 9 (kills, rebalance, stalled owner, torn checkpoint, retention) and the rest of line 10 are tests of the runtime in `tests/Detection.Tests`. Lines 2f and 2f2: [ADR 32](../adr/0032-figures-of-our-own.md); 5b2 and 5b3: [ADR 31](../adr/0031-evidence-forgets.md).");
        return text.ToString();
    }
}
