using System.Buffers;
using Monitoring.Statistics;

namespace Monitoring.Detection;

/// <summary>
/// Makes rows fit for a graph that knows no missing values: a missing number becomes the reference's median, an infinite or absurd one the edge of ten
/// ranges around the reference. Units and category codes stay.
/// </summary>
public sealed class RowRepair
{
    private const byte Version = 1;
    private readonly float[] _median;
    private readonly float[] _low;
    private readonly float[] _high;
    private readonly double[] _deviation;

    private RowRepair(float[] median, float[] low, float[] high, double[] deviation)
    {
        _median = median;
        _low = low;
        _high = high;
        _deviation = deviation;
    }

    /// <summary>Standard deviations of the reference's columns; 1 for constant ones.</summary>
    public ReadOnlySpan<double> Deviations => _deviation;

    public static RowRepair Learn(RowBatch reference)
    {
        int width = reference.Width, n = reference.Count;
        if (n == 0)
        {
            throw new FitException("the reference has no rows");
        }

        float[] median = new float[width], low = new float[width], high = new float[width];
        var deviation = new double[width];
        var values = new double[n];
        for (var c = 0; c < width; c++)
        {
            for (var r = 0; r < n; r++)
            {
                var value = reference.Input(r)[c];
                values[r] = float.IsFinite(value) ? value : double.NaN;
            }

            var sorted = new SortedReference(values);
            if (sorted.Count == 0)
            {
                (low[c], high[c], deviation[c]) = (-1, 1, 1);
                continue;
            }

            var middle = sorted.Quantile(0.5);
            var range = sorted.Values[^1] - sorted.Values[0];
            range = range > 0 ? range : Math.Max(1, Math.Abs(middle));
            median[c] = (float)middle;
            low[c] = (float)Math.Max(float.MinValue, sorted.Values[0] - (10 * range));
            high[c] = (float)Math.Min(float.MaxValue, sorted.Values[^1] + (10 * range));
            double mean = 0, square = 0;
            foreach (var value in sorted.Values)
            {
                mean += value / sorted.Count;
            }

            foreach (var value in sorted.Values)
            {
                square += (value - mean) * (value - mean) / sorted.Count;
            }

            deviation[c] = square > 0 && double.IsFinite(square) ? Math.Sqrt(square) : 1;
        }

        return new RowRepair(median, low, high, deviation);
    }

    /// <summary>Repaired rows, row-major, and the number of missing values of each.</summary>
    public (float[] Values, int[] Missing) Repair(RowBatch rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        var width = _median.Length;
        var values = rows.Inputs.ToArray();
        var missing = new int[rows.Count];
        for (var i = 0; i < values.Length; i++)
        {
            var c = i % width;
            if (float.IsNaN(values[i]))
            {
                missing[i / width]++;
                values[i] = _median[c];
            }
            else
            {
                values[i] = Math.Clamp(values[i], _low[c], _high[c]);
            }
        }

        return (values, missing);
    }

    public void Save(IBufferWriter<byte> output)
    {
        var writer = new CanonicalWriter(output);
        writer.WriteByte(Version);
        foreach (var numbers in new[] { _median, _low, _high })
        {
            writer.WriteDoubles(Array.ConvertAll(numbers, v => (double)v));
        }

        writer.WriteDoubles(_deviation);
    }

    public static RowRepair Restore(ref CanonicalReader reader)
    {
        if (reader.ReadByte() != Version)
        {
            throw new InvalidDataException("row repair of an unknown version");
        }

        float[] median = Narrow(reader.ReadDoubles()), low = Narrow(reader.ReadDoubles()), high = Narrow(reader.ReadDoubles());
        var deviation = reader.ReadDoubles();
        return low.Length == median.Length && high.Length == median.Length && deviation.Length == median.Length
            ? new RowRepair(median, low, high, deviation)
            : throw new InvalidDataException("row repair of uneven lengths");
    }

    private static float[] Narrow(double[] values) => Array.ConvertAll(values, v => (float)v);
}
