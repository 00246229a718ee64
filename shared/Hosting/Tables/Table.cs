namespace Monitoring.Hosting.Tables;

/// <summary>Typed columns of equal length, read from a file.</summary>
public sealed class Table
{
    public Table(IReadOnlyList<TableColumn> columns)
    {
        Columns = columns;
        RowCount = columns.Count == 0 ? 0 : columns[0].Count;
        if (columns.Any(c => c.Count != RowCount))
        {
            throw new ArgumentException("columns have different lengths", nameof(columns));
        }
    }

    public IReadOnlyList<TableColumn> Columns { get; }

    public int RowCount { get; }

    /// <summary>The column of that name, or null.</summary>
    public TableColumn? this[string name] => Columns.FirstOrDefault(c => string.Equals(c.Name, name, StringComparison.Ordinal));

    /// <summary>Reads by the file name's ending: <c>.npy</c>, <c>.csv</c> (first line names the columns) or <c>.jsonl</c>.</summary>
    /// <exception cref="TableFormatException">The file does not exist, cannot be read or is no table.</exception>
    public static Table Read(string file)
    {
        if (!File.Exists(file))
        {
            throw new TableFormatException($"{file}: no such file");
        }

        try
        {
            return Path.GetExtension(file).ToLowerInvariant() switch
            {
                ".npy" => FromArray(NpyFile.Read(file)),
                ".csv" => CsvFile.Read(file),
                ".jsonl" or ".ndjson" => JsonLinesFile.Read(file),
                var other => throw new TableFormatException($"{file}: unknown ending '{other}'; readable are .npy, .csv and .jsonl"),
            };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new TableFormatException($"{file}: {e.Message}");
        }
        catch (InvalidDataException e)
        {
            throw new TableFormatException(e.Message);
        }
    }

    /// <summary>A single column as numbers: labels, scores.</summary>
    /// <exception cref="TableFormatException">More than one column and none called <paramref name="name"/>, or texts.</exception>
    public static double[] ReadNumbers(string file, string name)
    {
        var table = Read(file);
        var column = table.Columns.Count == 1 ? table.Columns[0] : table[name]
            ?? throw new TableFormatException($"{file}: one column, or one called '{name}', expected; found {string.Join(", ", table.Columns.Take(10).Select(c => c.Name))}");
        return column.Numbers ?? throw new TableFormatException($"{file}: column '{column.Name}' holds texts, numbers expected");
    }

    /// <summary>A table of the given cells, each column numeric when every present cell is a number.</summary>
    internal static Table FromTexts(IReadOnlyList<string> names, IReadOnlyList<List<string?>> cells)
    {
        var columns = new TableColumn[names.Count];
        for (var c = 0; c < columns.Length; c++)
        {
            columns[c] = Column(names[c], cells[c]);
        }

        return new Table(columns);
    }

    private static Table FromArray(NpyFile file)
    {
        var columns = new TableColumn[file.Width];
        for (var c = 0; c < columns.Length; c++)
        {
            var numbers = new double[file.Rows];
            for (var r = 0; r < numbers.Length; r++)
            {
                numbers[r] = file.Values[(r * columns.Length) + c];
            }

            columns[c] = new TableColumn(file.Shape.Count < 2 ? "value" : "x" + c.ToString(System.Globalization.CultureInfo.InvariantCulture), numbers, null);
        }

        return new Table(columns);
    }

    private static TableColumn Column(string name, List<string?> cells)
    {
        var numbers = new double[cells.Count];
        var numeric = true;
        for (var i = 0; i < numbers.Length && numeric; i++)
        {
            numbers[i] = double.NaN;
            numeric = cells[i] is not { } text || IsMissing(text) || IsNumber(text, out numbers[i]);
        }

        return numeric
            ? new TableColumn(name, numbers, null)
            : new TableColumn(name, null, [.. cells.Select(t => t is null || IsMissing(t) ? null : t)]);
    }

    /// <summary>A number as JSON, C and Python write it: also <c>inf</c> and <c>-inf</c>.</summary>
    internal static bool IsNumber(string text, out double value)
    {
        if (double.TryParse(text, System.Globalization.NumberStyles.Float, System.Globalization.CultureInfo.InvariantCulture, out value))
        {
            return true;
        }

        var positive = text.Equals("inf", StringComparison.OrdinalIgnoreCase) || text.Equals("+inf", StringComparison.OrdinalIgnoreCase);
        value = positive ? double.PositiveInfinity : double.NegativeInfinity;
        return positive || text.Equals("-inf", StringComparison.OrdinalIgnoreCase);
    }

    private static bool IsMissing(string text) =>
        text.Length == 0 || text is "NA" or "N/A" or "NaN" or "nan" or "null" or "NULL" or "None" or "?";
}
