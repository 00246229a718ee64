using Monitoring.Statistics;

namespace Monitoring.Drift;

/// <summary>
/// One column of the reference: sorted values and a grid of bins with the masses of the Dirichlet-spacings prediction
/// (reference/algorithms.md d.9.1) for numbers, counts + ½ and a bin for the unseen for categories.
/// </summary>
internal sealed class ReferenceColumn
{
    private const int MaximumBins = 128;
    private const int ValuesPerBin = 5;
    private readonly double[] _cuts;

    public ReferenceColumn(string name, ReadOnlySpan<double> values, int categories)
    {
        Name = name;
        Categories = categories;
        Values = new SortedReference(values);
        if (categories > 0)
        {
            _cuts = [];
            Masses = new double[categories + 1];
            Array.Fill(Masses, 0.5);
            foreach (var value in values)
            {
                if (!double.IsNaN(value))
                {
                    Masses[Bin(value)]++;
                }
            }

            return;
        }

        // Cuts at reference values; a value equal to a cut belongs to the bin below it. Repeated values make one cut.
        var bins = Math.Clamp(Values.Count / ValuesPerBin, 1, MaximumBins);
        var cuts = new List<double>();
        var masses = new List<double>();
        var taken = 0;
        for (var k = 1; k < bins; k++)
        {
            var cut = Values.Values[(int)((long)k * Values.Count / bins)];
            var below = Values.CountAtOrBelow(cut);
            if (below < Values.Count && (cuts.Count == 0 || cut > cuts[^1]))
            {
                cuts.Add(cut);
                masses.Add(below - taken);
                taken = below;
            }
        }

        masses.Add(Values.Count - taken + 1);
        _cuts = [.. cuts];
        Masses = [.. masses];
    }

    public string Name { get; }

    /// <summary>Number of categories; 0 for numbers.</summary>
    public int Categories { get; }

    public SortedReference Values { get; }

    /// <summary>Pseudo-counts of the bins.</summary>
    public double[] Masses { get; }

    public int Bins => Masses.Length;

    /// <summary>The bin of a value that is not NaN.</summary>
    public int Bin(double value)
    {
        if (Categories > 0)
        {
            return value >= 0 && value < Categories && value == Math.Floor(value) ? (int)value : Categories;
        }

        int low = 0, high = _cuts.Length;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (_cuts[middle] < value)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }

    /// <summary>Counts of values per bin.</summary>
    public double[] Count(ReadOnlySpan<double> values)
    {
        var counts = new double[Bins];
        foreach (var value in values)
        {
            if (!double.IsNaN(value))
            {
                counts[Bin(value)]++;
            }
        }

        return counts;
    }
}
