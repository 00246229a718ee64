using System.Globalization;
using System.Text;

namespace Monitoring.Hosting.Tables;

/// <summary>Comma-separated values by RFC 4180, UTF-8 or with a byte order mark: the first record names the columns, quotes may hold commas, quotes (doubled) and line breaks.</summary>
internal static class CsvFile
{
    public static Table Read(string file)
    {
        using var reader = new StreamReader(file, new UTF8Encoding(false, throwOnInvalidBytes: false));
        var record = new List<string>();
        var line = 1;
        if (!ReadRecord(reader, record, ref line, file))
        {
            throw new TableFormatException($"{file}: empty; the first line names the columns");
        }

        CheckHeader(record, file);
        var names = new string[record.Count];
        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < names.Length; i++)
        {
            var name = record[i].Trim();
            names[i] = name.Length == 0 ? "column" + (i + 1).ToString(CultureInfo.InvariantCulture) : name;
            if (!seen.Add(names[i]))
            {
                throw new TableFormatException($"{file}: column '{names[i]}' is named twice");
            }
        }

        var cells = names.Select(_ => new List<string?>()).ToArray();
        for (var start = line; ReadRecord(reader, record, ref line, file); start = line)
        {
            if (record.Count == 1 && record[0].Length == 0)
            {
                continue;
            }

            if (record.Count != names.Length)
            {
                throw new TableFormatException($"{file}:{start}: {record.Count} fields, the header has {names.Length}");
            }

            for (var i = 0; i < names.Length; i++)
            {
                cells[i].Add(record[i].Trim());
            }
        }

        return Table.FromTexts(names, cells);
    }

    /// <summary>What would be read as nonsense without a word: another separator, and rows without names in front (0, 1, 2, … are names that tables get which had none).</summary>
    private static void CheckHeader(List<string> header, string file)
    {
        if (header.Count == 1 && header[0].IndexOfAny([';', '\t', '|']) is >= 0 and var at)
        {
            throw new TableFormatException($"{file}:1: fields seem to be separated by {(header[0][at] == '\t' ? "tabs" : $"'{header[0][at]}'")}; commas are expected");
        }

        var numbers = header.Select(name => Table.IsNumber(name, out var value) ? value : double.NaN).ToArray();
        if (numbers.All(n => !double.IsNaN(n)) && !numbers.Select((n, i) => n - i).All(first => first == numbers[0] && first is 0 or 1))
        {
            throw new TableFormatException($"{file}:1: the first line holds numbers ({string.Join(",", header.Take(5))}{(header.Count > 5 ? ",…" : "")}) where it must name the columns");
        }
    }

    private static bool ReadRecord(StreamReader reader, List<string> fields, ref int line, string file)
    {
        fields.Clear();
        if (reader.Peek() < 0)
        {
            return false;
        }

        var field = new StringBuilder();
        var quoted = false;
        var opened = line;
        while (true)
        {
            var next = reader.Read();
            if (next < 0)
            {
                if (quoted)
                {
                    throw new TableFormatException($"{file}:{opened}: a quote is never closed");
                }

                fields.Add(field.ToString());
                return true;
            }

            var character = (char)next;
            if (quoted)
            {
                if (character == '"' && reader.Peek() == '"')
                {
                    reader.Read();
                    field.Append('"');
                }
                else if (character == '"')
                {
                    quoted = false;
                }
                else
                {
                    line += character == '\n' ? 1 : 0;
                    field.Append(character);
                }
            }
            else if (character == '"' && field.Length == 0)
            {
                quoted = true;
                opened = line;
            }
            else if (character == ',')
            {
                fields.Add(field.ToString());
                field.Clear();
            }
            else if (character == '\n')
            {
                line++;
                fields.Add(field.ToString().TrimEnd('\r'));
                return true;
            }
            else
            {
                field.Append(character);
            }
        }
    }
}
