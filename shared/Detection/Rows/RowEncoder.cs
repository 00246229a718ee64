using System.Buffers;
using Monitoring.Statistics;

namespace Monitoring.Detection;

/// <summary>
/// Rows as the scorers read them, learned from the reference: missing numbers become the column's median, infinite and absurd
/// ones the edge of ten ranges around the reference, categories their surprisal −ln(share) (an unseen one that of half an
/// observation); one column more counts the row's missing values. Centred, and divided by the standard deviation unless
/// scaling is none. The output is always finite.
/// </summary>
public sealed class RowEncoder
{
    private const byte Version = 1;
    private readonly double[] _median;
    private readonly double[] _low;
    private readonly double[] _high;
    private readonly double[] _mean;
    private readonly double[] _deviation;

    // Per categorical column: surprisal by code, the last for "unseen"; null for numbers.
    private readonly double[]?[] _surprisal;
    private readonly bool _standardise;

    private RowEncoder(double[] median, double[] low, double[] high, double[] mean, double[] deviation, double[]?[] surprisal, bool standardise)
    {
        _median = median;
        _low = low;
        _high = high;
        _mean = mean;
        _deviation = deviation;
        _surprisal = surprisal;
        _standardise = standardise;
    }

    /// <summary>Columns of an encoded row: one more than the row's.</summary>
    public int Columns => _median.Length + 1;

    /// <summary>Standard deviations of the encoded columns before scaling; 1 for constant ones.</summary>
    public ReadOnlySpan<double> Deviations => _deviation;

    /// <summary>Whether encoded columns are in units of their standard deviation.</summary>
    public bool Standardises => _standardise;

    public static RowEncoder Learn(RowBatch reference, ColumnScaling scaling)
    {
        var schema = reference.Model.Schema;
        int width = reference.Width, n = reference.Count;
        if (n == 0)
        {
            throw new FitException("the reference has no rows");
        }

        var surprisal = new double[]?[width];
        var column = 0;
        foreach (var feature in schema.Features)
        {
            if (feature.Type == FeatureType.Categorical)
            {
                surprisal[column] = Surprisal(reference, column, feature.Categories.Count);
            }

            column += feature.Width;
        }

        var median = new double[width];
        var low = new double[width];
        var high = new double[width];
        var values = new double[n];
        for (var c = 0; c < width; c++)
        {
            for (var r = 0; r < n; r++)
            {
                values[r] = surprisal[c] is { } table ? Category(table, reference.Input(r)[c]) : reference.Input(r)[c];
            }

            var sorted = new SortedReference(values);
            median[c] = sorted.Count > 0 ? sorted.Quantile(0.5) : 0;
            var range = sorted.Count > 0 ? sorted.Values[^1] - sorted.Values[0] : 0;
            range = range > 0 ? range : Math.Max(1, Math.Abs(median[c]));
            low[c] = (sorted.Count > 0 ? sorted.Values[0] : 0) - (10 * range);
            high[c] = (sorted.Count > 0 ? sorted.Values[^1] : 0) + (10 * range);
        }

        var draft = new RowEncoder(median, low, high, new double[width + 1], [.. Enumerable.Repeat(1.0, width + 1)], surprisal, standardise: true);
        var (mean, deviation) = ColumnMoments.MeanAndDeviation(draft.Encode(reference), width + 1);
        var standardise = scaling == ColumnScaling.Standard || (scaling == ColumnScaling.Auto && schema.Image is null);
        return new RowEncoder(median, low, high, mean, deviation, surprisal, standardise);
    }

    public double[] Encode(RowBatch rows)
    {
        var width = _median.Length;
        var encoded = new double[(long)rows.Count * Columns];
        for (var r = 0; r < rows.Count; r++)
        {
            var row = rows.Input(r);
            var target = encoded.AsSpan(r * Columns, Columns);
            var missing = 0;
            for (var c = 0; c < width; c++)
            {
                double value = row[c];
                if (double.IsNaN(value))
                {
                    missing++;
                    value = _median[c];
                }
                else if (_surprisal[c] is { } table)
                {
                    value = Category(table, row[c]);
                }
                else
                {
                    value = Math.Clamp(value, _low[c], _high[c]);
                }

                // Single precision, as the profile keeps the reference: a copy of a reference row is at distance 0 from it.
                target[c] = (float)Scale(c, value);
            }

            target[width] = (float)Scale(width, missing);
        }

        return encoded;
    }

    public void Save(IBufferWriter<byte> output)
    {
        var writer = new CanonicalWriter(output);
        writer.WriteByte(Version);
        writer.WriteByte(_standardise ? (byte)1 : (byte)0);
        writer.WriteDoubles(_median);
        writer.WriteDoubles(_low);
        writer.WriteDoubles(_high);
        writer.WriteDoubles(_mean);
        writer.WriteDoubles(_deviation);
        foreach (var table in _surprisal)
        {
            writer.WriteDoubles(table);
        }
    }

    public static RowEncoder Restore(ref CanonicalReader reader)
    {
        if (reader.ReadByte() != Version)
        {
            throw new InvalidDataException("row encoder of an unknown version");
        }

        var standardise = reader.ReadByte() == 1;
        double[] median = reader.ReadDoubles(), low = reader.ReadDoubles(), high = reader.ReadDoubles(), mean = reader.ReadDoubles(), deviation = reader.ReadDoubles();
        var surprisal = new double[]?[median.Length];
        for (var c = 0; c < surprisal.Length; c++)
        {
            var table = reader.ReadDoubles();
            surprisal[c] = table.Length > 0 ? table : null;
        }

        return new RowEncoder(median, low, high, mean, deviation, surprisal, standardise);
    }

    private double Scale(int column, double value)
    {
        // In single precision, in which references are kept: equal values must stay equal. Columns that fill its range would leave it.
        var centred = value - _mean[column];
        return (float)Math.Clamp(_standardise ? centred / _deviation[column] : centred, -float.MaxValue, float.MaxValue);
    }

    private static double Category(double[] table, float code) =>
        float.IsNaN(code) ? double.NaN : code >= 0 && code < table.Length - 1 && code == MathF.Floor(code) ? table[(int)code] : table[^1];

    private static double[] Surprisal(RowBatch reference, int column, int categories)
    {
        var counts = new double[categories + 1];
        double total = 0;
        for (var r = 0; r < reference.Count; r++)
        {
            var code = reference.Input(r)[column];
            if (!float.IsNaN(code))
            {
                counts[code >= 0 && code < categories ? (int)code : categories]++;
                total++;
            }
        }

        return [.. counts.Select(c => -Math.Log((c + 0.5) / (total + (0.5 * (categories + 1)))))];
    }
}
