namespace Monitoring.Statistics;

/// <summary>
/// Which one or two columns carry the change between two samples, and in which cells: rows of both sides are told apart by the log ratio of their cell's shares (a naive Bayes classifier over cells
/// for all columns together), learned on one half and judged on the other, both ways. A pair is named where it tells more than its better half. Deterministic; its cost is bounded by the columns that
/// are looked at, not by those that there are.
/// </summary>
public sealed class SliceSearch
{
    private const int MostColumns = 64;
    private const int PairedColumns = 8;
    private const int FewestRows = 20;

    /// <summary>AUROC that a second column must add to be named; of few rows half a standard error of it, for the best of many pairs is better by chance.</summary>
    private const double WorthNaming = 0.01;

    private readonly IReadOnlyList<CellSample> _columns;
    private readonly int _referenceRows;
    private readonly int _dataRows;

    /// <param name="columns">At least one; all of the same rows.</param>
    public SliceSearch(IReadOnlyList<CellSample> columns)
    {
        _columns = columns;
        _referenceRows = columns[0].Reference.Length;
        _dataRows = columns[0].Data.Length;
    }

    /// <summary>Null when nothing tells the sides apart better than chance, or a side has fewer than 20 rows.</summary>
    /// <param name="changed">Indices of the columns that changed, strongest first; the first 64 are looked at.</param>
    public CarryingColumns? Find(IReadOnlyList<int> changed)
    {
        if (changed.Count == 0 || _referenceRows < FewestRows || _dataRows < FewestRows)
        {
            return null;
        }

        var all = Judge([.. changed.Take(MostColumns).Select(i => new[] { i })]);
        var singles = changed.Take(MostColumns).Select(i => (Index: i, Auroc: Judge([[i]]))).OrderByDescending(s => s.Auroc).ToList();
        var best = singles[0];
        int[] chosen = [best.Index];
        var auroc = best.Auroc;
        var worth = Math.Max(WorthNaming, 0.5 * Math.Sqrt(Math.Max(0, best.Auroc * (1 - best.Auroc)) / Math.Min(_referenceRows, _dataRows)));
        var paired = singles.Take(PairedColumns).Select(s => s.Index).ToList();
        foreach (var (i, j) in paired.SelectMany((a, x) => paired.Skip(x + 1).Select(b => (a, b))))
        {
            // Side by side and as one joint variable: the better of the two.
            var value = Math.Max(Judge([[i], [j]]), Judge([[i, j]]));
            if (value > auroc && value > best.Auroc + worth)
            {
                (chosen, auroc) = ([Math.Min(i, j), Math.Max(i, j)], value);
            }
        }

        return auroc > 0.5 ? new CarryingColumns(chosen, auroc, Math.Max(all, auroc)) : null;
    }

    /// <summary>Joint cells of the chosen columns whose share moved most, with their rows in the data and their share in the reference.</summary>
    public IReadOnlyList<(int First, int Second, int ReferenceRows, IReadOnlyList<int> DataRows)> Moved(IReadOnlyList<int> chosen, int count)
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
            .Select(c => (c.Key.Item1, c.Key.Item2, c.Reference, c.Data))];

        (int, int) Key(int row, bool isData) => (_columns[chosen[0]].At(row, isData), chosen.Count > 1 ? _columns[chosen[1]].At(row, isData) : 0);
    }

    /// <summary>AUROC of telling data from reference, learned on one half of the rows and judged on the other, both ways. Each group of columns is one joint variable.</summary>
    private double Judge(IReadOnlyList<int[]> groups)
    {
        var scores = new double[_referenceRows + _dataRows];
        foreach (var group in groups)
        {
            var size = group.Aggregate(1, (a, v) => a * _columns[v].Count);
            double[] reference = new double[2 * size], data = new double[2 * size];
            double[] n = new double[2], m = new double[2];
            for (var i = 0; i < scores.Length; i++)
            {
                var (row, isData) = i < _referenceRows ? (i, false) : (i - _referenceRows, true);
                (isData ? data : reference)[(Half(i) * size) + Cell(group, row, isData)]++;
                (isData ? m : n)[Half(i)]++;
            }

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
            cell = (cell * _columns[v].Count) + _columns[v].At(row, isData);
        }

        return cell;
    }
}
