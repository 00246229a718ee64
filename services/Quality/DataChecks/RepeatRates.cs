using System.Buffers;
using Monitoring.Statistics;

namespace Monitoring.Quality;

/// <summary>
/// Upper bounds of the probability that the draw after a value v is v again: the larger of v's share of the reference and of its share among
/// the reference's successors of v, shrunk towards the former by <see cref="Prior"/> draws. A month in sorted traffic, a flag, a pixel that is mostly black repeat as a rule
/// and say so here; a measured number does not.
/// </summary>
internal sealed class RepeatRates
{
    private const double Prior = 10;
    private readonly float[] _values;
    private readonly double[] _rates;
    private readonly double _otherwise;

    private RepeatRates(float[] values, double[] rates, double otherwise)
    {
        _values = values;
        _rates = rates;
        _otherwise = otherwise;
    }

    /// <param name="column">Reference values in the order of traffic; NaN is missing.</param>
    public static RepeatRates Fit(ReadOnlySpan<float> column)
    {
        var rows = column.Length;
        var counts = new SortedDictionary<float, (int Count, int Repeats)>();
        for (var i = 0; i < column.Length; i++)
        {
            if (!float.IsNaN(column[i]))
            {
                var (count, repeats) = counts.GetValueOrDefault(column[i]);
                counts[column[i]] = (count + 1, repeats + (i > 0 && column[i] == column[i - 1] ? 1 : 0));
            }
        }

        // A value that occurs once or never has the bound of one that occurs once.
        var atoms = counts.Where(c => c.Value.Count > 1).ToList();
        return new RepeatRates(
            [.. atoms.Select(a => a.Key)],
            [.. atoms.Select(a => Math.Max(UsualRate.UpperBound(a.Value.Count, rows), (a.Value.Repeats + (Prior * a.Value.Count / rows)) / (a.Value.Count + Prior)))],
            UsualRate.UpperBound(1, rows));
    }

    public double this[float value]
    {
        get
        {
            var at = Array.BinarySearch(_values, value);
            return at >= 0 ? _rates[at] : _otherwise;
        }
    }

    public void Save(CanonicalWriter writer)
    {
        writer.WriteDoubles([.. _values.Select(v => (double)v)]);
        writer.WriteDoubles(_rates);
        writer.WriteDouble(_otherwise);
    }

    /// <exception cref="InvalidDataException">Bytes of something else.</exception>
    public static RepeatRates Restore(ref CanonicalReader reader)
    {
        double[] values = reader.ReadDoubles(), rates = reader.ReadDoubles();
        var otherwise = reader.ReadDouble();
        return values.Length == rates.Length && rates.Append(otherwise).All(r => r is > 0 and <= 1)
            ? new RepeatRates([.. values.Select(v => (float)v)], rates, otherwise)
            : throw new InvalidDataException("quality: parameters of another shape");
    }
}
