using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Monitoring.AllInOne.Backtest;
using Monitoring.Detection;
using Monitoring.Outlier;

namespace Monitoring.Benchmarks.Suites;

/// <summary>
/// Suite <c>held-out-outliers [--data DIR] [--kinds A,B]</c>: AUROC and rank of every outlier kind, with its default options, on tasks that none of them was chosen on (see <see cref="HeldOutTasks"/>;
/// without <c>--data</c> from <c>HeldOut/*.csv</c>). A line is the mean over a data set's tasks of one construction, so that sets of many classes do not weigh more; ranks are taken per line, equal ones share.
/// </summary>
internal static class HeldOutOutliers
{
    private static readonly string[] s_kinds = ["outlier", "knn:k=1", "knn", "lof", "isolation-forest", "mahalanobis", "pca", "hbos", "copod", "ecod"];

    public static async Task<object> RunAsync(BenchmarkArguments arguments)
    {
        var directory = arguments["data", Path.Combine(AppContext.BaseDirectory, "HeldOut")];
        var files = Directory.Exists(directory) ? Directory.GetFiles(directory, "*.csv") : [];
        if (files.Length == 0)
        {
            throw new ArgumentException($"--data: no NAME.csv in '{directory}'");
        }

        await using var provider = BacktestVerb.BuildServices([new OutlierModule()], "cpu");
        var engine = new BacktestEngine(new MonitorKinds(provider.GetServices<IMonitorKind>()), "cpu");
        var kinds = arguments["kinds", string.Join(',', s_kinds)].Split(',');
        var lines = new List<Line>();
        foreach (var file in files.Order(StringComparer.Ordinal))
        {
            foreach (var construction in HeldOutTasks.Of(file).GroupBy(t => t.Construction, StringComparer.Ordinal))
            {
                var sums = new double[kinds.Length];
                var tasks = 0;
                foreach (var task in construction)
                {
                    tasks++;
                    for (var k = 0; k < kinds.Length; k++)
                    {
                        var parts = kinds[k].Split(':', '=');
                        var options = new Dictionary<string, string>(StringComparer.Ordinal);
                        for (var i = 1; i + 1 < parts.Length; i += 2)
                        {
                            options[parts[i]] = parts[i + 1];
                        }

                        var request = new BacktestRequest(parts[0], options, file, file, null, 1e4);
                        sums[k] += (await engine.RunAsync(request, task.Reference, task.Judged, task.Outlier, CancellationToken.None).ConfigureAwait(false)).Auroc ?? double.NaN;
                    }
                }

                lines.Add(new Line(Path.GetFileNameWithoutExtension(file), construction.Key, tasks, [.. sums.Select(s => s / tasks)]));
            }
        }

        Console.WriteLine("| data set | construction | tasks | " + string.Join(" | ", kinds) + " |");
        Console.WriteLine("|---|---|---|" + string.Concat(kinds.Select(_ => "---|")));
        foreach (var line in lines)
        {
            Print(line.DataSet, line.Construction, line.Tasks, line.Auroc);
        }

        foreach (var group in lines.GroupBy(l => l.Construction, StringComparer.Ordinal))
        {
            Print("**mean**", group.Key, group.Sum(l => l.Tasks), Mean(group, l => l.Auroc, kinds.Length));
        }

        var auroc = Mean(lines, l => l.Auroc, kinds.Length);
        var rank = Mean(lines, l => Ranks(l.Auroc), kinds.Length);
        Print("**mean**", "all", lines.Sum(l => l.Tasks), auroc);
        Print("**mean rank**", "all", lines.Count, rank);
        var behind = Enumerable.Range(0, kinds.Length).Select(k => (double)lines.Count(l => l.Auroc[k] > l.Auroc[0])).ToArray();
        Print($"lines above `{kinds[0]}`", "all", lines.Count, behind);
        return new { kinds, lines, meanAuroc = auroc, meanRank = rank };
    }

    private static void Print(string set, string construction, int tasks, double[] values) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {set} | {construction} | {tasks} | {string.Join(" | ", values.Select(v => v.ToString(v < 1.005 ? "F3" : "0.##", CultureInfo.InvariantCulture)))} |"));

    private static double[] Mean(IEnumerable<Line> lines, Func<Line, double[]> of, int kinds) => [.. Enumerable.Range(0, kinds).Select(k => lines.Average(l => of(l)[k]))];

    // 1 is the best; equal values share the mean of their places.
    private static double[] Ranks(double[] values) => [.. values.Select(v => 1 + values.Count(o => o > v) + ((values.Count(o => o == v) - 1) / 2.0))];

    private sealed record Line(string DataSet, string Construction, int Tasks, double[] Auroc);
}
