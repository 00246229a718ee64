namespace Monitoring.Statistics;

/// <summary>k-nearest-neighbour outlier score: a summary of the Euclidean distances to the k nearest reference rows.</summary>
public sealed class NeighbourScorer : ILeaveOneOutScorer
{
    private readonly INeighbourSearch _neighbours;
    private readonly int _k;
    private readonly NeighbourDistance _method;
    private readonly Lazy<double[]> _referenceScores;

    /// <param name="reference">At least one row; with fewer than k, k is the number of rows.</param>
    /// <param name="search">Makes the search; null for the one on vector units.</param>
    public NeighbourScorer(ReadOnlySpan<double> reference, int columns, int k = 5, NeighbourDistance method = NeighbourDistance.Largest, NeighbourSearchFactory? search = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(k, 1);
        _neighbours = search?.Invoke(reference, columns) ?? new NearestNeighbours(reference, columns);
        _k = Math.Min(k, _neighbours.Count);
        _method = method;
        var rows = reference.ToArray();
        _referenceScores = new Lazy<double[]>(() =>
        {
            var scores = new double[_neighbours.Count];
            Score(rows, scores, 0);
            return scores;
        });
    }

    public int Columns => _neighbours.Columns;

    public void Score(ReadOnlySpan<double> rows, Span<double> scores) => Score(rows, scores, -1);

    /// <summary>Scores of the reference rows, each without itself; 0 where no other row exists. Computed when first asked for.</summary>
    public double[] ReferenceScores => _referenceScores.Value;

    private void Score(ReadOnlySpan<double> rows, Span<double> scores, int self)
    {
        var count = RowShape.Check(rows, Columns, scores);
        var k = Math.Min(_k, _neighbours.Count - (self >= 0 ? 1 : 0));
        if (k == 0)
        {
            scores.Clear();
            return;
        }

        var indices = new int[count * k];
        var distances = new double[count * k];
        _neighbours.Find(rows, k, indices, distances, self);
        for (var i = 0; i < count; i++)
        {
            scores[i] = Summary(distances.AsSpan(i * k, k));
        }
    }

    // Distances are ascending.
    private double Summary(ReadOnlySpan<double> distances)
    {
        switch (_method)
        {
            case NeighbourDistance.Mean:
                double sum = 0;
                foreach (var distance in distances)
                {
                    sum += distance;
                }

                return sum / distances.Length;
            case NeighbourDistance.Median:
                return (distances[(distances.Length - 1) / 2] + distances[distances.Length / 2]) / 2;
            default:
                return distances[^1];
        }
    }
}
