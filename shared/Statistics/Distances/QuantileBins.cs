namespace Monitoring.Statistics;

/// <summary>Cells cut at the reference's quantiles; a value on an edge belongs to the cell below it. Equal edges are merged.</summary>
public sealed class QuantileBins
{
    private readonly double[] _edges;

    /// <summary>At most <paramref name="bins"/> cells of equal reference share, cut at type-7 quantiles.</summary>
    public QuantileBins(SortedReference reference, int bins)
    {
        ArgumentNullException.ThrowIfNull(reference);
        ArgumentOutOfRangeException.ThrowIfLessThan(bins, 1);
        var edges = new List<double>(bins);
        for (var i = 1; i < bins && reference.Count > 0; i++)
        {
            var edge = reference.Quantile((double)i / bins);
            if (edges.Count == 0 || edge > edges[^1])
            {
                edges.Add(edge);
            }
        }

        // A top edge at the maximum would leave an empty last cell that only changed data can fill: keep it, that is its use.
        _edges = [.. edges];
        ReferenceCounts = Count(reference.Values);
    }

    /// <summary>Inner edges, ascending: one fewer than cells.</summary>
    public ReadOnlySpan<double> Edges => _edges;

    /// <summary>Reference values per cell.</summary>
    public double[] ReferenceCounts { get; }

    /// <summary>Finite values per cell.</summary>
    public double[] Count(ReadOnlySpan<double> values)
    {
        var counts = new double[_edges.Length + 1];
        foreach (var value in values)
        {
            if (double.IsFinite(value))
            {
                counts[Cell(value)]++;
            }
        }

        return counts;
    }

    /// <summary>The number of edges strictly below the value.</summary>
    public int Cell(double value)
    {
        int low = 0, high = _edges.Length;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (_edges[middle] < value)
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
}
