using System.Globalization;
using System.Text.Json;

namespace Monitoring.Hosting.Tables;

/// <summary>
/// One JSON value a line. An object gives columns by its keys, an array of numbers gives columns x0, x1, …; arrays and
/// objects inside an object become <c>key.0</c>, <c>key.name</c>. Keys absent from a line are missing there.
/// </summary>
internal static class JsonLinesFile
{
    private const int MaximumColumns = 100_000;

    public static Table Read(string file)
    {
        var names = new List<string>();
        var index = new Dictionary<string, int>(StringComparer.Ordinal);
        var cells = new List<List<string?>>();
        var rows = 0;
        var number = 0;
        foreach (var line in File.ReadLines(file))
        {
            number++;
            if (string.IsNullOrWhiteSpace(line))
            {
                continue;
            }

            try
            {
                using var document = JsonDocument.Parse(line, new JsonDocumentOptions { MaxDepth = 16 });
                var root = document.RootElement;
                if (root.ValueKind is not (JsonValueKind.Object or JsonValueKind.Array))
                {
                    throw new TableFormatException($"{file}:{number}: an object or an array of numbers expected, found {root.ValueKind}");
                }

                Add(root, root.ValueKind == JsonValueKind.Array ? "x" : "", "");
            }
            catch (JsonException e)
            {
                throw new TableFormatException($"{file}:{number}: {e.Message}");
            }
            catch (InvalidOperationException e)
            {
                // Half of a surrogate pair is no text.
                throw new TableFormatException($"{file}:{number}: {e.Message}");
            }

            rows++;
            foreach (var column in cells)
            {
                while (column.Count < rows)
                {
                    column.Add(null);
                }
            }
        }

        return names.Count == 0 ? throw new TableFormatException($"{file}: no rows") : Table.FromTexts(names, cells);

        void Add(JsonElement element, string name, string separator)
        {
            switch (element.ValueKind)
            {
                case JsonValueKind.Object:
                    foreach (var property in element.EnumerateObject())
                    {
                        Add(property.Value, name.Length == 0 ? property.Name : name + "." + property.Name, ".");
                    }

                    break;
                case JsonValueKind.Array:
                    var i = 0;
                    foreach (var item in element.EnumerateArray())
                    {
                        Add(item, name + separator + i.ToString(CultureInfo.InvariantCulture), ".");
                        i++;
                    }

                    break;
                default:
                    if (!index.TryGetValue(name, out var column))
                    {
                        if (names.Count == MaximumColumns)
                        {
                            throw new TableFormatException($"{file}:{number}: more than {MaximumColumns} columns");
                        }

                        column = names.Count;
                        index[name] = column;
                        names.Add(name);
                        cells.Add([.. Enumerable.Repeat<string?>(null, rows)]);
                    }

                    if (cells[column].Count > rows)
                    {
                        throw new TableFormatException($"{file}:{number}: '{name}' is given twice");
                    }

                    cells[column].Add(element.ValueKind switch
                    {
                        JsonValueKind.Null => null,
                        JsonValueKind.String => element.GetString(),
                        _ => element.GetRawText(),
                    });
                    break;
            }
        }
    }
}
