using System.Globalization;
using Monitoring.Statistics;

namespace Monitoring.Quality.Reporting;

/// <summary>
/// Which one or two features carry the change, and in which values: rows of both sides are told apart by the log ratio of their cell's shares (a naive Bayes classifier over cells for all features together), learned on
/// one half and judged on the other, both ways. A pair is named where it tells more than its better half; the slices are the cells of what is named whose share moved most.
/// </summary>
internal sealed class SliceFinder
{
    private const int NumberCells = 8;
    private const int MostCategories = 40;
    private const int PairedFeatures = 8;

    /// <summary>AUROC that a second feature must add to be named.</summary>
    private const double WorthNaming = 0.01;

    private readonly IReadOnlyList<ReportVariable> _variables;
    private readonly Cells[] _cells;
    private readonly int _referenceRows;
    private readonly int _dataRows;

    public SliceFinder(IReadOnlyList<ReportVariable> variables)
    {
        _variables = variables;
        _cells = [.. variables.Select(Cells.Of)];
        _referenceRows = variables[0].Reference.Length;
        _dataRows = variables[0].Data.Length;
    }

    /// <summary>Null when nothing tells the sides apart better than chance.</summary>
    /// <param name="changed">Indices of the variables that changed, strongest first.</param>
    public (ReportCarriers Carriers, IReadOnlyList<int> Indices)? Find(IReadOnlyList<int> changed)
    {
        if (changed.Count == 0 || _referenceRows < 20 || _dataRows < 20)
        {
            return null;
        }

        var all = Judge([.. changed.Take(64).Select(i => new[] { i })]);
        var singles = changed.Take(64).Select(i => (Index: i, Auroc: Judge([[i]]))).OrderByDescending(s => s.Auroc).ToList();
        var best = singles[0];
        int[] chosen = [best.Index];
        var auroc = best.Auroc;
        var paired = singles.Take(PairedFeatures).Select(s => s.Index).ToList();
        foreach (var (i, j) in paired.SelectMany((a, x) => paired.Skip(x + 1).Select(b => (a, b))))
        {
            // Side by side and as one joint variable: the better of the two.
            var value = Math.Max(Judge([[i], [j]]), Judge([[i, j]]));
            if (value > auroc && value > best.Auroc + WorthNaming)
            {
                (chosen, auroc) = ([Math.Min(i, j), Math.Max(i, j)], value);
            }
        }

        if (auroc <= 0.5)
        {
            return null;
        }

        all = Math.Max(all, auroc);
        return (new ReportCarriers([.. chosen.Select(i => _variables[i].Name)], auroc, all, Math.Min(1, (auroc - 0.5) / (all - 0.5))), chosen);
    }

    /// <summary>Cells of the chosen variables whose share moved most, with their rows in the data.</summary>
    public IReadOnlyList<(ReportSlice Slice, IReadOnlyList<int> DataRows)> Slices(IReadOnlyList<int> chosen, int count)
    {
        var reference = new Dictionary<(int, int), int>();
        var data = new Dictionary<(int, int), List<int>>();
        for (var r = 0; r < _referenceRows; r++)
        {
            var key = Key(r, isData: false);
            reference[key] = reference.GetValueOrDefault(key) + 1;
        }

        for (var r = 0; r < _dataRows; r++)
        {
            var key = Key(r, isData: true);
            if (!data.TryGetValue(key, out var rows))
            {
                data.Add(key, rows = []);
            }

            rows.Add(r);
        }

        return [.. reference.Keys.Union(data.Keys)
            .Select(key => (Key: key, Reference: reference.GetValueOrDefault(key), Data: (IReadOnlyList<int>)(data.GetValueOrDefault(key) ?? [])))
            .OrderByDescending(c => Math.Abs(((double)c.Data.Count / _dataRows) - ((double)c.Reference / _referenceRows)))
            .ThenBy(c => c.Key)
            .Take(count)
            .Select(c => (
                new ReportSlice(
                    string.Join(" and ", chosen.Select((v, i) => _cells[v].Describe(i == 0 ? c.Key.Item1 : c.Key.Item2, _variables[v]))),
                    PerformanceMeasures.Share("share", c.Reference, _referenceRows),
                    PerformanceMeasures.Share("share", c.Data.Count, _dataRows),
                    null),
                c.Data))];

        (int, int) Key(int row, bool isData) => (_cells[chosen[0]].At(row, isData), chosen.Count > 1 ? _cells[chosen[1]].At(row, isData) : 0);
    }

    /// <summary>AUROC of telling data from reference, learned on one half of the rows and judged on the other, both ways. Each group of variables is one joint variable.</summary>
    private double Judge(IReadOnlyList<int[]> groups)
    {
        var scores = new double[_referenceRows + _dataRows];
        foreach (var group in groups)
        {
            var size = group.Aggregate(1, (a, v) => a * _cells[v].Count);
            double[] reference = new double[2 * size], data = new double[2 * size];
            for (var i = 0; i < scores.Length; i++)
            {
                var (row, isData) = i < _referenceRows ? (i, false) : (i - _referenceRows, true);
                (isData ? data : reference)[(Half(i) * size) + Cell(group, row, isData)]++;
            }

            double[] n = [reference.AsSpan(0, size).ToArray().Sum(), reference.AsSpan(size).ToArray().Sum()], m = [data.AsSpan(0, size).ToArray().Sum(), data.AsSpan(size).ToArray().Sum()];
            for (var i = 0; i < scores.Length; i++)
            {
                var (row, isData) = i < _referenceRows ? (i, false) : (i - _referenceRows, true);
                var other = 1 - Half(i);
                var cell = (other * size) + Cell(group, row, isData);
                scores[i] += Math.Log((data[cell] + 0.5) / (m[other] + (0.5 * size))) - Math.Log((reference[cell] + 0.5) / (n[other] + (0.5 * size)));
            }
        }

        var labels = new bool[scores.Length];
        Array.Fill(labels, true, _referenceRows, _dataRows);
        return RankedClassification.AreaUnderRoc(scores, labels);
    }

    private static int Half(int index) => (int)(Mixing.Mix((ulong)index) & 1);

    private int Cell(int[] group, int row, bool isData)
    {
        var cell = 0;
        foreach (var v in group)
        {
            cell = (cell * _cells[v].Count) + _cells[v].At(row, isData);
        }

        return cell;
    }

    /// <summary>A variable cut into cells: eighths of the reference, the commonest categories, and one cell for missing values.</summary>
    private sealed record Cells(int[] Reference, int[] Data, int Count, double[] Edges, int[] Codes)
    {
        public int At(int row, bool isData) => isData ? Data[row] : Reference[row];

        public static Cells Of(ReportVariable variable)
        {
            if (variable.IsCategorical)
            {
                var codes = variable.Reference.Concat(variable.Data).Where(double.IsFinite).GroupBy(v => (int)v).OrderByDescending(g => g.Count()).ThenBy(g => g.Key).Take(MostCategories).Select(g => g.Key).ToArray();
                var index = codes.Select((c, i) => (c, i)).ToDictionary(x => x.c, x => x.i);
                int Code(double v) => double.IsFinite(v) ? index.GetValueOrDefault((int)v, codes.Length) : codes.Length + 1;
                return new Cells([.. variable.Reference.Select(Code)], [.. variable.Data.Select(Code)], codes.Length + 2, [], codes);
            }

            var bins = new QuantileBins(new SortedReference(variable.Reference), NumberCells);
            var count = bins.Edges.Length + 1;
            int Number(double v) => double.IsNaN(v) ? count : bins.Cell(v);
            return new Cells([.. variable.Reference.Select(Number)], [.. variable.Data.Select(Number)], count + 1, bins.Edges.ToArray(), []);
        }

        public string Describe(int cell, ReportVariable variable)
        {
            var unit = variable.Unit.Length > 0 ? " " + variable.Unit : "";
            if (variable.IsCategorical)
            {
                return cell == Codes.Length ? string.Create(CultureInfo.InvariantCulture, $"{variable.Name} is none of the {Codes.Length} most common")
                    : cell > Codes.Length ? $"{variable.Name} is missing"
                    : Codes[cell] >= 0 && Codes[cell] < variable.Categories!.Count ? $"{variable.Name} = {variable.Categories[Codes[cell]]}" : $"{variable.Name} is new";
            }

            return cell > Edges.Length ? $"{variable.Name} is missing"
                : Edges.Length == 0 ? $"{variable.Name} has a value"
                : cell == 0 ? string.Create(CultureInfo.InvariantCulture, $"{variable.Name} ≤ {Edges[0]:G4}{unit}")
                : cell == Edges.Length ? string.Create(CultureInfo.InvariantCulture, $"{variable.Name} > {Edges[^1]:G4}{unit}")
                : string.Create(CultureInfo.InvariantCulture, $"{Edges[cell - 1]:G4} < {variable.Name} ≤ {Edges[cell]:G4}{unit}");
        }
    }
}
