using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Extraction;

/// <summary>
/// How unusual the columns of a row are together, each of them being usual: a distance that fits neither airport. For every pair of columns that depend on each other, −ln of how much oftener than by chance clean rows have these two values,
/// shrunk where either is rare: (n + 1)/(e + 1) with e the count that independent columns would give (Gamma–Poisson; W. DuMouchel, The American Statistician 1999); their mean. Who makes rows of columns asks what no customer does.
/// </summary>
internal sealed class ColumnPairs
{
    private const int Bins = 20;
    private const int MostColumns = 128;
    private const int MostPairs = 64;

    /// <summary>Mutual information, in nats beyond what so many rows show by chance, from which on two columns depend on each other.</summary>
    private const double LeastInformation = 0.02;

    /// <summary>Per column the values that its bins end with; empty for a column in no pair.</summary>
    private readonly double[][] _edges;

    /// <summary>Pairs of columns, their counts, (Bins + 1)² each, and what independent columns would give.</summary>
    private readonly (int One, int Other)[] _pairs;
    private readonly long[][] _counts;
    private readonly double[][] _expected;

    private ColumnPairs(double[][] edges, (int One, int Other)[] pairs, long[][] counts)
    {
        (_edges, _pairs, _counts) = (edges, pairs, counts);
        _expected = Array.ConvertAll(counts, Expected);
    }

    /// <summary>Pairs that depend on each other.</summary>
    public IReadOnlyList<(int One, int Other)> Pairs => _pairs;

    /// <summary>Of clean rows; null where no two columns depend on each other, and for images.</summary>
    public static ColumnPairs? Fit(RowBatch rows)
    {
        if (rows.Model.Schema.Image is not null || rows.Width < 2)
        {
            return null;
        }

        var columns = Math.Min(rows.Width, MostColumns);
        var edges = new double[columns][];
        var bins = new int[columns][];
        for (var column = 0; column < columns; column++)
        {
            double[] sorted = [.. Enumerable.Range(0, rows.Count).Select(r => (double)rows.Input(r)[column]).Where(v => !double.IsNaN(v)).Order()];
            var own = edges[column] = sorted.Length == 0 ? [] : [.. Enumerable.Range(1, Bins - 1).Select(i => sorted[i * (sorted.Length - 1) / Bins]).Distinct()];
            bins[column] = [.. Enumerable.Range(0, rows.Count).Select(r => Bin(own, rows.Input(r)[column]))];
        }

        var found = new List<((int One, int Other) Pair, long[] Counts, double Information)>();
        for (var one = 0; one < columns; one++)
        {
            for (var other = 0; other < one; other++)
            {
                var counts = new long[(Bins + 1) * (Bins + 1)];
                for (var row = 0; row < rows.Count; row++)
                {
                    counts[(bins[one][row] * (Bins + 1)) + bins[other][row]]++;
                }

                var information = Information(counts, rows.Count);
                if (information > LeastInformation)
                {
                    found.Add(((one, other), counts, information));
                }
            }
        }

        var kept = found.OrderByDescending(f => f.Information).ThenBy(f => f.Pair).Take(MostPairs).ToArray();
        return kept.Length == 0
            ? null
            : new ColumnPairs([.. edges.Select((e, c) => kept.Any(k => k.Pair.One == c || k.Pair.Other == c) ? e : [])], [.. kept.Select(k => k.Pair)], [.. kept.Select(k => k.Counts)]);
    }

    /// <summary>How unusual the columns are together; greater is stranger.</summary>
    /// <param name="row">A row.</param>
    /// <param name="leaveOut">Whether it is one of those that were counted.</param>
    public float Score(ReadOnlySpan<float> row, bool leaveOut)
    {
        double sum = 0;
        for (var pair = 0; pair < _pairs.Length; pair++)
        {
            var (one, other) = _pairs[pair];
            var cell = (Bin(_edges[one], row[one]) * (Bins + 1)) + Bin(_edges[other], row[other]);
            sum -= Math.Log((_counts[pair][cell] + (leaveOut ? 0 : 1)) / (_expected[pair][cell] + 1));
        }

        return (float)(sum / _pairs.Length);
    }

    public void Write(CanonicalWriter writer)
    {
        writer.WriteCount(_edges.Length);
        foreach (var edges in _edges)
        {
            writer.WriteDoubles(edges);
        }

        writer.WriteCount(_pairs.Length);
        for (var pair = 0; pair < _pairs.Length; pair++)
        {
            writer.WriteCount(_pairs[pair].One);
            writer.WriteCount(_pairs[pair].Other);
            foreach (var count in _counts[pair])
            {
                writer.WriteCount(count);
            }
        }
    }

    public static ColumnPairs Read(ref CanonicalReader reader)
    {
        var edges = new double[reader.ReadLength(1)][];
        for (var column = 0; column < edges.Length; column++)
        {
            edges[column] = reader.ReadDoubles();
        }

        var pairs = new (int One, int Other)[reader.ReadLength(2)];
        var counts = new long[pairs.Length][];
        for (var pair = 0; pair < pairs.Length; pair++)
        {
            pairs[pair] = (checked((int)reader.ReadCount()), checked((int)reader.ReadCount()));
            if (pairs[pair].One >= edges.Length || pairs[pair].Other >= edges.Length)
            {
                throw new InvalidDataException("pairs of columns that do not exist");
            }

            counts[pair] = new long[(Bins + 1) * (Bins + 1)];
            for (var cell = 0; cell < counts[pair].Length; cell++)
            {
                counts[pair][cell] = reader.ReadCount();
            }
        }

        return edges.All(e => e.Length < Bins) ? new ColumnPairs(edges, pairs, counts) : throw new InvalidDataException("columns of impossible bins");
    }

    /// <summary>Values that are missing have a bin of their own.</summary>
    private static int Bin(double[] edges, float value)
    {
        if (float.IsNaN(value))
        {
            return Bins;
        }

        var bin = 0;
        foreach (var edge in edges)
        {
            bin += value > edge ? 1 : 0;
        }

        return bin;
    }

    private static double[] Expected(long[] counts)
    {
        var (ones, others, all) = Margins(counts);
        return [.. counts.Select((_, cell) => all == 0 ? 0 : ones[cell / (Bins + 1)] * (double)others[cell % (Bins + 1)] / all)];
    }

    /// <summary>Mutual information in nats, less what independent columns of so many rows show on average (G. Miller, 1955).</summary>
    private static double Information(long[] counts, int rows)
    {
        var (ones, others, _) = Margins(counts);
        var expected = Expected(counts);
        double sum = 0;
        for (var cell = 0; cell < counts.Length; cell++)
        {
            sum += counts[cell] > 0 ? counts[cell] * Math.Log(counts[cell] / expected[cell]) : 0;
        }

        return (sum - (0.5 * (ones.Count(o => o > 0) - 1) * (others.Count(o => o > 0) - 1))) / rows;
    }

    private static (long[] Ones, long[] Others, long All) Margins(long[] counts)
    {
        var (ones, others, all) = (new long[Bins + 1], new long[Bins + 1], 0L);
        for (var cell = 0; cell < counts.Length; cell++)
        {
            ones[cell / (Bins + 1)] += counts[cell];
            others[cell % (Bins + 1)] += counts[cell];
            all += counts[cell];
        }

        return (ones, others, all);
    }
}
