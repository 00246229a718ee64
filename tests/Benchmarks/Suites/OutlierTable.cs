using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Monitoring.AllInOne.Backtest;
using Monitoring.Detection;
using Monitoring.Hosting.Tables;
using Monitoring.Outlier;

namespace Monitoring.Benchmarks;

/// <summary>
/// Suite <c>outliers --data DIR</c>: AUROC of every outlier kind, with its default options, on labelled data sets
/// <c>NAME.X.npy</c>, <c>NAME.y.npy</c>. Fitted on every other inlier (even positions among the inliers, in file order), judged
/// on all other rows.
/// </summary>
internal static class OutlierTable
{
    private static readonly string[] s_kinds = ["outlier", "knn", "isolation-forest", "ecod", "copod", "hbos", "lof", "pca", "mahalanobis"];

    private static readonly SortedDictionary<string, double> s_pyod = new(StringComparer.Ordinal)
    {
        ["knn"] = 0.921,
        ["isolation-forest"] = 0.885,
        ["ecod"] = 0.785,
        ["copod"] = 0.800,
        ["hbos"] = 0.855,
        ["lof"] = 0.906,
        ["pca"] = 0.828,
    };

    public static async Task<object> RunAsync(BenchmarkArguments arguments)
    {
        var directory = arguments["data", ""];
        if (!Directory.Exists(directory))
        {
            throw new ArgumentException($"--data: '{directory}' is no folder; one with NAME.X.npy and NAME.y.npy is needed");
        }

        await using var provider = BacktestVerb.BuildServices([new OutlierModule()], "cpu");
        var engine = new BacktestEngine(new MonitorKinds(provider.GetServices<IMonitorKind>()), "cpu");
        var kinds = arguments["kinds", string.Join(',', s_kinds)].Split(',');
        var table = new List<OutlierRow>();
        foreach (var file in Directory.GetFiles(directory, "*.X.npy").Order(StringComparer.Ordinal))
        {
            var name = Path.GetFileName(file)[..^".X.npy".Length];
            var rows = Table.Read(file);
            var outlier = Table.ReadNumbers(Path.Combine(directory, name + ".y.npy"), "label").Select(l => l != 0).ToArray();
            var description = new ModelDescription { Name = name, Version = "1", Schema = TableEncoding.Schema(rows) };
            var all = ReferenceData.FromMatrix(description, TableEncoding.Encode(rows, description.Schema, file), rows.RowCount);
            List<int> reference = [], judged = [];
            var inliers = 0;
            for (var i = 0; i < outlier.Length; i++)
            {
                (!outlier[i] && inliers++ % 2 == 0 ? reference : judged).Add(i);
            }

            var labels = judged.Select(i => outlier[i]).ToArray();
            var auroc = new SortedDictionary<string, double>(StringComparer.Ordinal);
            foreach (var kind in kinds)
            {
                var request = new BacktestRequest(kind, new Dictionary<string, string>(StringComparer.Ordinal), file, file, null, 1e4);
                var result = await engine.RunAsync(request, all.Select(reference), all.Select(judged), labels, CancellationToken.None).ConfigureAwait(false);
                auroc[kind] = result.Auroc ?? double.NaN;
            }

            table.Add(new OutlierRow(name, rows.RowCount, description.Width, auroc));
        }

        var mean = new SortedDictionary<string, double>(kinds.ToDictionary(k => k, k => table.Average(r => r.Auroc[k]), StringComparer.Ordinal), StringComparer.Ordinal);
        var culture = CultureInfo.InvariantCulture;
        Console.WriteLine("".PadRight(14) + string.Concat(kinds.Select(k => k.PadLeft(18))));
        foreach (var row in table.Append(new OutlierRow("mean", 0, 0, mean)))
        {
            Console.WriteLine(row.Name.PadRight(14) + string.Concat(kinds.Select(k => row.Auroc[k].ToString("F4", culture).PadLeft(18))));
        }

        // What PyOD 3.6.5 reaches with the same split and no scaling (the README of the data sets).
        Console.WriteLine("PyOD 3.6.5".PadRight(14) + string.Concat(kinds.Select(k => (s_pyod.TryGetValue(k, out var of) ? of.ToString("F3", culture) : "-").PadLeft(18))));
        Console.WriteLine("at least".PadRight(14) + string.Concat(kinds.Select(k => (Goal(k) is { } goal ? mean[k] >= goal ? "holds" : $"MISSES {goal.ToString("F3", culture)}" : "-").PadLeft(18))));
        return new
        {
            dataSets = table,
            mean,
            pyod = s_pyod,
            goals = kinds.Where(k => Goal(k) is not null).ToDictionary(k => k, k => new { goal = Goal(k), holds = mean[k] >= Goal(k) }, StringComparer.Ordinal),
        };
    }

    // Issue 3: each kind at most 0.005 below PyOD's, the default 0.935.
    private static double? Goal(string kind) => kind == "outlier" ? 0.935 : s_pyod.TryGetValue(kind, out var of) ? of - 0.005 : null;

    private sealed record OutlierRow(string Name, int Rows, int Columns, SortedDictionary<string, double> Auroc);
}
