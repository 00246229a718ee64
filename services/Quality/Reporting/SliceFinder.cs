using Monitoring.Statistics;

namespace Monitoring.Quality.Reporting;

/// <summary>Which one or two features carry the change between the two sides of a report, and in which values; see <see cref="SliceSearch"/>.</summary>
internal sealed class SliceFinder
{
    private const int NumberCells = 8;
    private const int MostCategories = 40;
    private readonly IReadOnlyList<ReportVariable> _variables;
    private readonly CellColumn[] _columns;
    private readonly SliceSearch _search;

    public SliceFinder(IReadOnlyList<ReportVariable> variables)
    {
        _variables = variables;
        _columns = [.. variables.Select(v => v.IsCategorical ? CellColumn.Categorical(v.Reference.Concat(v.Data), MostCategories) : CellColumn.Numeric(v.Reference, NumberCells))];
        _search = new SliceSearch([.. variables.Select((v, i) => new CellSample([.. v.Reference.Select(_columns[i].CellOf)], [.. v.Data.Select(_columns[i].CellOf)], _columns[i].Count))]);
    }

    /// <summary>Null when nothing tells the sides apart better than chance.</summary>
    /// <param name="changed">Indices of the variables that changed, strongest first.</param>
    public (ReportCarriers Carriers, IReadOnlyList<int> Indices)? Find(IReadOnlyList<int> changed) => _search.Find(changed) is { } found
        ? (new ReportCarriers([.. found.Columns.Select(i => _variables[i].Name)], found.Auroc, found.AllAuroc, found.Share), found.Columns)
        : null;

    /// <summary>Cells of the chosen variables whose share moved most, with their rows in the data.</summary>
    public IReadOnlyList<(ReportSlice Slice, IReadOnlyList<int> DataRows)> Slices(IReadOnlyList<int> chosen, int count) =>
        [.. _search.Moved(chosen, count).Select(c => (
            new ReportSlice(
                string.Join(" and ", chosen.Select((v, i) => _columns[v].Describe(i == 0 ? c.First : c.Second, _variables[v].Name, _variables[v].Unit, _variables[v].Categories ?? []))),
                PerformanceMeasures.Share("share", c.ReferenceRows, _variables[0].Reference.Length),
                PerformanceMeasures.Share("share", c.DataRows.Count, _variables[0].Data.Length),
                null),
            c.DataRows))];
}
