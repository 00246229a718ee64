using System.Globalization;
using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Quality;

/// <summary>The parts of the rows: the commonest categories of the reference and all others, or a number at or below its median and above it.</summary>
/// <param name="Column">Column of the row.</param>
/// <param name="Codes">Category codes in the order of the segments; empty for a number.</param>
/// <param name="Median">Where a number is cut.</param>
/// <param name="Names">Names of the segments.</param>
internal sealed record FairnessSegments(int Column, int[] Codes, double Median, IReadOnlyList<string> Names)
{
    /// <summary>Segment of a row; −1 where the feature is missing.</summary>
    public int Of(ReadOnlySpan<float> input)
    {
        var value = input[Column];
        if (float.IsNaN(value))
        {
            return -1;
        }

        if (Codes.Length == 0)
        {
            return value <= Median ? 0 : 1;
        }

        var at = Array.IndexOf(Codes, (int)value);
        return at >= 0 ? at : Names.Count > Codes.Length ? Codes.Length : -1;
    }

    /// <exception cref="FitException">No such feature, or the reference holds fewer than two segments of it.</exception>
    public static FairnessSegments Fit(ModelSchema schema, RowBatch rows, FairnessOptions options)
    {
        var column = ColumnOf(schema, options.Segment, out var feature);
        var values = new double[rows.Count];
        for (var r = 0; r < values.Length; r++)
        {
            values[r] = rows.Input(r)[column];
        }

        if (feature.Type != FeatureType.Categorical)
        {
            return Numeric(feature, column, new SortedReference(values).Quantile(0.5));
        }

        var counts = values.Where(double.IsFinite).GroupBy(v => (int)v).OrderByDescending(g => g.Count()).ThenBy(g => g.Key).Select(g => g.Key).ToList();
        return counts.Count < 2
            ? throw new FitException($"fairness: the reference holds {counts.Count} values of '{options.Segment}'; two segments are needed")
            : Categorical(feature, column, [.. counts.Take(counts.Count > options.MaxSegments ? options.MaxSegments - 1 : counts.Count)], counts.Count > options.MaxSegments);
    }

    public void Save(CanonicalWriter writer)
    {
        writer.WriteDouble(Median);
        writer.WriteDoubles([.. Codes.Select(c => (double)c)]);
        writer.WriteByte((byte)(Names.Count > Codes.Length && Codes.Length > 0 ? 1 : 0));
    }

    public static FairnessSegments Restore(ModelSchema schema, string name, ref CanonicalReader reader)
    {
        var column = ColumnOf(schema, name, out var feature);
        var median = reader.ReadDouble();
        int[] codes = [.. reader.ReadDoubles().Select(c => (int)c)];
        var others = reader.ReadByte() == 1;
        return codes.Length == 0 ? Numeric(feature, column, median) : Categorical(feature, column, codes, others);
    }

    private static FairnessSegments Numeric(FeatureSchema feature, int column, double median) => new(
        column,
        [],
        median,
        [string.Create(CultureInfo.InvariantCulture, $"{feature.Name} ≤ {median:G4}"), string.Create(CultureInfo.InvariantCulture, $"{feature.Name} > {median:G4}")]);

    private static FairnessSegments Categorical(FeatureSchema feature, int column, int[] codes, bool others) => new(
        column,
        codes,
        double.NaN,
        [.. codes.Select(c => c >= 0 && c < feature.Categories.Count ? feature.Categories[c] : c.ToString(CultureInfo.InvariantCulture)), .. others ? ["others"] : Array.Empty<string>()]);

    private static int ColumnOf(ModelSchema schema, string name, out FeatureSchema feature)
    {
        var column = 0;
        foreach (var candidate in schema.Features)
        {
            if (string.Equals(candidate.Name, name, StringComparison.Ordinal) && candidate.Type != FeatureType.Image)
            {
                feature = candidate;
                return column;
            }

            column += candidate.Width;
        }

        throw new FitException($"fairness: the model has no feature '{name}' to take segments from; it has {string.Join(", ", schema.Features.Where(f => f.Type != FeatureType.Image).Take(20).Select(f => f.Name))}");
    }
}
