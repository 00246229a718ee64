using System.Globalization;
using Monitoring.Contracts;
using Monitoring.Statistics;

namespace Monitoring.Detection;

/// <summary>
/// Says of a drift alarm which columns moved, which one or two of them carry the change and in which values, and what it does to the model's answers. Runs once a finding, over at most
/// <see cref="RecentRows.Most"/> rows and the profile's sample: some milliseconds. A function of the log and the profile.
/// </summary>
internal static class ChangeStory
{
    private const int SearchedColumns = 16;
    private const int NamedColumns = 10;
    private const int NamedCells = 3;

    /// <summary>Rows since the evidence began below which nothing is said.</summary>
    private const int FewestRows = 30;

    /// <param name="finding">Gets ranked columns and the slice.</param>
    /// <param name="reference">The profile's.</param>
    /// <param name="rows">Cells of the rows since the evidence began, rows × columns.</param>
    /// <param name="schema">Names.</param>
    /// <returns>For the sentence; empty where nothing can be told.</returns>
    public static string Tell(Finding finding, ChangeReference reference, byte[] rows, ModelSchema schema)
    {
        var count = reference.Features.Count;
        if (rows.Length / count < FewestRows)
        {
            return "";
        }

        var before = reference.Rows.Span;
        var samples = new CellSample[count];
        var changes = new double[count];
        var impacts = new double[count];
        for (var c = 0; c < count; c++)
        {
            samples[c] = new CellSample(Column(before, c, count), Column(rows, c, count), reference.Columns[c].Count);
            var (usual, now) = samples[c].Shares();
            for (var cell = 0; cell < usual.Length; cell++)
            {
                changes[c] += Math.Abs(usual[cell] - now[cell]) / 2;
            }

            impacts[c] = reference.Impact(c, usual, now);
        }

        int[] ranked = [.. Enumerable.Range(0, count).OrderByDescending(c => changes[c]).ThenBy(c => c)];
        finding.Columns.AddRange(ranked.OrderByDescending(c => double.IsNaN(impacts[c]) ? -1 : impacts[c]).ThenByDescending(c => changes[c]).ThenBy(c => c).Take(NamedColumns).Select(c =>
        {
            var change = new ColumnChange { Column = Name(c), Change = changes[c] };
            if (!double.IsNaN(impacts[c]))
            {
                change.Impact = impacts[c];
            }

            return change;
        }));
        var search = new SliceSearch(samples);
        if (search.Find([.. ranked.Take(SearchedColumns)]) is not { } carrying)
        {
            return "";
        }

        var slice = new Slice { Auroc = carrying.Auroc, Carried = carrying.Share };
        slice.Columns.AddRange(carrying.Columns.Select(Name));
        slice.Cells.AddRange(search.Moved(carrying.Columns, NamedCells).Select(moved => new SliceCell
        {
            Text = string.Join(" and ", carrying.Columns.Select((c, i) => reference.Columns[c].Describe(i == 0 ? moved.First : moved.Second, Name(c), Feature(c).Unit, Feature(c).Categories))),
            Reference = (double)moved.ReferenceRows / reference.Count,
            Observed = (double)moved.DataRows.Count / (rows.Length / count),
        }));
        finding.Slice = slice;
        var impact = carrying.Columns.Max(c => double.IsNaN(impacts[c]) ? -1 : impacts[c]);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"; {string.Join(" and ", slice.Columns)} {(slice.Columns.Count == 1 ? "carries" : "carry")} {100 * slice.Carried:0} % of it ({slice.Cells[0].Text}: {100 * slice.Cells[0].Reference:0} → {100 * slice.Cells[0].Observed:0} % of rows{(impact < 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"; impact {impact:G2}"))})");

        FeatureSchema Feature(int column) => schema.Features[reference.Features[column]];

        string Name(int column) => Feature(column).Name;
    }

    private static int[] Column(ReadOnlySpan<byte> cells, int column, int columns)
    {
        var result = new int[cells.Length / columns];
        for (var row = 0; row < result.Length; row++)
        {
            result[row] = cells[(row * columns) + column];
        }

        return result;
    }
}
