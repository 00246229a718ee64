using System.Globalization;

namespace Monitoring.Statistics;

/// <summary>How a column is cut into cells: eighths of the reference for numbers, the commonest categories, one cell for other categories, and the last cell for missing values.</summary>
public sealed class CellColumn
{
    private readonly double[] _edges;
    private readonly int[] _codes;
    private readonly Dictionary<int, int> _cellOfCode;

    private CellColumn(bool isCategorical, double[] edges, int[] codes)
    {
        IsCategorical = isCategorical;
        _edges = edges;
        _codes = codes;
        _cellOfCode = codes.Select((code, cell) => (code, cell)).ToDictionary(c => c.code, c => c.cell);
    }

    public bool IsCategorical { get; }

    /// <summary>Inner edges of a column of numbers, ascending.</summary>
    public ReadOnlySpan<double> Edges => _edges;

    /// <summary>Codes with a cell of their own, commonest first.</summary>
    public ReadOnlySpan<int> Codes => _codes;

    /// <summary>Cells, those of other categories and of missing values among them.</summary>
    public int Count => IsCategorical ? _codes.Length + 2 : _edges.Length + 2;

    /// <summary>The cell of missing values.</summary>
    public int Missing => Count - 1;

    /// <summary>Cuts a column of numbers at quantiles of its reference; values that are not finite do not count.</summary>
    public static CellColumn Numeric(ReadOnlySpan<double> reference, int cells)
    {
        var finite = new List<double>(reference.Length);
        foreach (var value in reference)
        {
            if (double.IsFinite(value))
            {
                finite.Add(value);
            }
        }

        return FromEdges([.. new QuantileBins(new SortedReference([.. finite]), cells).Edges]);
    }

    /// <summary>Gives the commonest codes a cell each, ties in the order of the codes.</summary>
    public static CellColumn Categorical(IEnumerable<double> values, int mostCodes) =>
        FromCodes([.. values.Where(double.IsFinite).GroupBy(v => (int)v).OrderByDescending(g => g.Count()).ThenBy(g => g.Key).Take(mostCodes).Select(g => g.Key)]);

    /// <exception cref="InvalidDataException">Edges do not ascend.</exception>
    public static CellColumn FromEdges(double[] edges)
    {
        for (var i = 0; i < edges.Length; i++)
        {
            if (!double.IsFinite(edges[i]) || (i > 0 && !(edges[i] > edges[i - 1])))
            {
                throw new InvalidDataException("edges of cells that do not ascend");
            }
        }

        return new CellColumn(false, edges, []);
    }

    /// <exception cref="InvalidDataException">A code comes twice.</exception>
    public static CellColumn FromCodes(int[] codes) =>
        codes.Distinct().Count() == codes.Length ? new CellColumn(true, [], codes) : throw new InvalidDataException("a category with two cells");

    public int CellOf(double value)
    {
        if (double.IsNaN(value))
        {
            return Missing;
        }

        if (IsCategorical)
        {
            return !double.IsFinite(value) ? Missing : _cellOfCode.TryGetValue((int)value, out var cell) ? cell : _codes.Length;
        }

        // Few edges: counting them all is as fast as searching and does not branch on the data.
        var below = 0;
        foreach (var edge in _edges)
        {
            below += edge < value ? 1 : 0;
        }

        return below;
    }

    /// <summary>A cell in words: <c>hour &gt; 18</c>, <c>carrier = AA</c>.</summary>
    /// <param name="cell">The cell.</param>
    /// <param name="name">Name of the column.</param>
    /// <param name="unit">Its unit; may be empty.</param>
    /// <param name="categories">Names of its categories by code.</param>
    public string Describe(int cell, string name, string unit, IReadOnlyList<string> categories)
    {
        unit = unit.Length > 0 ? " " + unit : "";
        if (IsCategorical)
        {
            return cell == _codes.Length ? string.Create(CultureInfo.InvariantCulture, $"{name} is none of the {_codes.Length} most common")
                : cell > _codes.Length ? $"{name} is missing"
                : _codes[cell] < 0 || (_codes[cell] >= categories.Count && categories.Count > 0) ? $"{name} is new"
                : categories.Count == 0 ? string.Create(CultureInfo.InvariantCulture, $"{name} = {_codes[cell]}")
                : $"{name} = {categories[_codes[cell]]}";
        }

        return cell == Missing ? $"{name} is missing"
            : _edges.Length == 0 ? $"{name} has a value"
            : cell == 0 ? string.Create(CultureInfo.InvariantCulture, $"{name} ≤ {_edges[0]:G4}{unit}")
            : cell == _edges.Length ? string.Create(CultureInfo.InvariantCulture, $"{name} > {_edges[^1]:G4}{unit}")
            : string.Create(CultureInfo.InvariantCulture, $"{_edges[cell - 1]:G4} < {name} ≤ {_edges[cell]:G4}{unit}");
    }
}
