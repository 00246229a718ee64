using Monitoring.Detection;

namespace Monitoring.Hosting.Tables;

/// <summary>Tables as the rows that monitors read: text columns become categories of the reference, texts it never held become −1, missing values NaN.</summary>
public static class TableEncoding
{
    /// <summary>Most distinct texts that a column may hold and still be a category; beyond, the rarest are "unseen".</summary>
    private const int MaximumCategories = 1000;

    /// <summary>The schema of a reference: numeric columns, and categories in ordinal order.</summary>
    /// <exception cref="TableFormatException">The table has no columns.</exception>
    public static ModelSchema Schema(Table reference)
    {
        ArgumentNullException.ThrowIfNull(reference);
        if (reference.Columns.Count == 0)
        {
            throw new TableFormatException("the reference has no columns");
        }

        return new ModelSchema([.. reference.Columns.Select(column => column.IsNumeric
            ? new FeatureSchema(column.Name)
            : new FeatureSchema(column.Name)
            {
                Type = FeatureType.Categorical,
                Categories =
                [
                    .. column.Texts!.Where(t => t is not null).GroupBy(t => t!, StringComparer.Ordinal)
                        .OrderByDescending(g => g.Count()).ThenBy(g => g.Key, StringComparer.Ordinal)
                        .Take(MaximumCategories).Select(g => g.Key).Order(StringComparer.Ordinal),
                ],
            })]);
    }

    /// <summary>Row-major values of a table laid out by a schema; columns are found by name, or by position where no name fits.</summary>
    /// <exception cref="TableFormatException">A column of the schema is not there, or texts stand where numbers should.</exception>
    public static float[] Encode(Table table, ModelSchema schema, string file)
    {
        ArgumentNullException.ThrowIfNull(table);
        ArgumentNullException.ThrowIfNull(schema);
        var width = schema.Features.Count;
        var names = table.Columns.ToDictionary(c => c.Name, StringComparer.Ordinal);
        var byName = schema.Features.All(f => names.ContainsKey(f.Name));
        if (!byName && (table.Columns.Count != width || schema.Features.Any(f => names.ContainsKey(f.Name))))
        {
            // Some names fit: a column that moved or was renamed must not be taken for another one.
            var missing = schema.Features.Where(f => !names.ContainsKey(f.Name)).Select(f => f.Name).Take(10);
            throw new TableFormatException($"{file}: {table.Columns.Count} columns where the reference has {width}; not found: {string.Join(", ", missing)}");
        }

        var values = new float[(long)table.RowCount * width];
        for (var c = 0; c < width; c++)
        {
            var feature = schema.Features[c];
            var column = byName ? names[feature.Name] : table.Columns[c];
            if (feature.Type == FeatureType.Categorical)
            {
                var codes = new Dictionary<string, float>(StringComparer.Ordinal);
                for (var i = 0; i < feature.Categories.Count; i++)
                {
                    codes[feature.Categories[i]] = i;
                }

                for (var r = 0; r < table.RowCount; r++)
                {
                    var text = column.IsNumeric
                        ? double.IsNaN(column.Numbers![r]) ? null : column.Numbers[r].ToString(System.Globalization.CultureInfo.InvariantCulture)
                        : column.Texts![r];
                    values[((long)r * width) + c] = text is null ? float.NaN : codes.GetValueOrDefault(text, -1);
                }
            }
            else
            {
                if (!column.IsNumeric)
                {
                    var row = Array.FindIndex(column.Texts!, t => t is not null && !Table.IsNumber(t, out _));
                    throw new TableFormatException($"{file}: column '{column.Name}' holds '{column.Texts![row]}' (row {row}) where the reference holds numbers");
                }

                for (var r = 0; r < table.RowCount; r++)
                {
                    values[((long)r * width) + c] = (float)column.Numbers![r];
                }
            }
        }

        return values;
    }
}
