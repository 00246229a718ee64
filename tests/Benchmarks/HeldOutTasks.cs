using Monitoring.AllInOne.Backtest;
using Monitoring.Detection;
using Monitoring.Hosting.Tables;

namespace Monitoring.Benchmarks;

/// <summary>
/// Outlier tasks made from a data set with classes (<c>NAME.csv</c>, last column <c>class</c>), the split as for <c>data/outliers</c>: fitted on every other inlier, judged on
/// all other rows.
/// <list type="bullet">
/// <item><c>one class</c>: a class is normal, the rows of all others are outliers; once for every class that is large enough.</item>
/// <item><c>rare class</c>: all classes but one are normal, rows of that one, at most a tenth of the inliers judged, are outliers; once for every class of three and more.</item>
/// <item><c>local</c>, <c>cluster</c>, <c>global</c>, <c>dependency</c>: the four synthetic types of ADBench (Han et al. 2022, section 3.2) made from the judged inliers' own distribution, a tenth as many: around
/// a class's mean with √5 times its spread; a tight group around one point at five times the spread; uniform over the columns' ranges widened by a tenth; every column
/// drawn alone, so that the marginals stay and what ties the columns goes. Columns that are numbers only, three seeds.</item>
/// </list>
/// </summary>
internal static class HeldOutTasks
{
    // A kind needs 20 reference rows.
    private const int SmallestNormal = 40;
    private const int SmallestRare = 10;
    private const int MostOutliers = 1_000;
    private const int Seeds = 3;

    public static IEnumerable<HeldOutTask> Of(string file)
    {
        var name = Path.GetFileNameWithoutExtension(file);
        var table = Table.Read(file);
        var last = table["class"] ?? throw new TableFormatException($"{file}: a column 'class' expected");
        string?[] classes = last.Texts ?? [.. last.Numbers!.Select(v => double.IsNaN(v) ? null : v.ToString(System.Globalization.CultureInfo.InvariantCulture))];
        var columns = new Table([.. table.Columns.Where(c => c != last)]);
        var model = new ModelDescription { Name = name, Version = "1", Schema = TableEncoding.Schema(columns) };
        var rows = ReferenceData.FromMatrix(model, TableEncoding.Encode(columns, model.Schema, file), columns.RowCount);
        var groups = Enumerable.Range(0, classes.Length).Where(i => classes[i] is not null).GroupBy(i => classes[i]!, StringComparer.Ordinal).OrderBy(g => g.Key, StringComparer.Ordinal).ToArray();
        foreach (var normal in groups.Where(g => g.Count() >= SmallestNormal))
        {
            yield return Real(rows, name, "one class", [.. normal], Thin([.. groups.Where(g => g != normal).SelectMany(g => g).Order()], MostOutliers));
        }

        if (groups.Length > 2)
        {
            foreach (var rare in groups.Where(g => g.Count() >= SmallestRare))
            {
                int[] normal = [.. groups.Where(g => g != rare).SelectMany(g => g).Order()];
                if (normal.Length >= SmallestNormal)
                {
                    yield return Real(rows, name, "rare class", normal, Thin([.. rare], Math.Max(SmallestRare, normal.Length / 20)));
                }
            }
        }

        foreach (var task in Synthetic(columns, classes, name, file))
        {
            yield return task;
        }
    }

    private static HeldOutTask Real(RowBatch rows, string name, string construction, int[] normal, int[] odd)
    {
        int[] judged = [.. normal.Where((_, i) => i % 2 == 1), .. odd];
        return new HeldOutTask(name, construction, rows.Select([.. normal.Where((_, i) => i % 2 == 0)]), rows.Select(judged), [.. judged.Select((_, i) => i >= judged.Length - odd.Length)]);
    }

    private static int[] Thin(int[] rows, int most) => rows.Length <= most ? rows : [.. Enumerable.Range(0, most).Select(i => rows[(long)i * rows.Length / most])];

    private static IEnumerable<HeldOutTask> Synthetic(Table table, string?[] classes, string name, string file)
    {
        var numeric = new Table([.. table.Columns.Where(c => c.IsNumeric)]);
        int[] whole = [.. Enumerable.Range(0, table.RowCount).Where(r => classes[r] is not null && numeric.Columns.All(c => double.IsFinite(c.Numbers![r])))];
        if (numeric.Columns.Count < 2 || whole.Length < SmallestNormal)
        {
            yield break;
        }

        var model = new ModelDescription { Name = name, Version = "1", Schema = TableEncoding.Schema(numeric) };
        var width = model.Width;
        var rows = ReferenceData.FromMatrix(model, TableEncoding.Encode(numeric, model.Schema, file), numeric.RowCount);
        int[] reference = [.. whole.Where((_, i) => i % 2 == 0)];
        int[] inliers = [.. whole.Where((_, i) => i % 2 == 1)];
        var count = Math.Max(SmallestRare, inliers.Length / 10);
        var means = inliers.GroupBy(r => classes[r]!, StringComparer.Ordinal)
            .ToDictionary(g => g.Key, g => Enumerable.Range(0, width).Select(c => g.Average(r => (double)rows.Input(r)[c])).ToArray(), StringComparer.Ordinal);
        var ranges = Enumerable.Range(0, width).Select(c => (Low: inliers.Min(r => rows.Input(r)[c]), High: inliers.Max(r => rows.Input(r)[c]))).ToArray();
        foreach (var construction in (string[])["local", "cluster", "global", "dependency"])
        {
            for (var seed = 1; seed <= Seeds; seed++)
            {
                var random = new Random(seed);
                int Inlier() => inliers[random.Next(inliers.Length)];
                var centre = Inlier();
                var values = new List<float>();
                foreach (var r in inliers)
                {
                    values.AddRange(rows.Input(r));
                }

                for (var i = 0; i < count; i++)
                {
                    var of = Inlier();
                    for (var c = 0; c < width; c++)
                    {
                        double from = rows.Input(of)[c], mean = means[classes[of]!][c], around = means[classes[centre]!][c];
                        values.Add((float)(construction switch
                        {
                            "local" => mean + (Math.Sqrt(5) * (from - mean)),
                            "cluster" => around + (5 * (rows.Input(centre)[c] - around)) + ((from - mean) / 5),
                            "global" => ranges[c].Low + ((ranges[c].High - ranges[c].Low) * ((1.1 * random.NextDouble()) - 0.05)),
                            _ => rows.Input(Inlier())[c],
                        }));
                    }
                }

                var judged = inliers.Length + count;
                yield return new HeldOutTask(name, construction, rows.Select(reference), ReferenceData.FromMatrix(model, [.. values], judged), [.. Enumerable.Range(0, judged).Select(i => i >= inliers.Length)]);
            }
        }
    }
}
