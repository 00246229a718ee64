namespace Monitoring.Statistics;

/// <summary>k-nearest-neighbour outlier score: a summary of the Euclidean distances to the k nearest reference rows.</summary>
public sealed class NeighbourScorer : IRowScorer
{
    private readonly NearestNeighbours _neighbours;
    private readonly int _k;
    private readonly NeighbourDistance _method;

    /// <param name="reference">At least one row; with fewer than k, k is the number of rows.</param>
    public NeighbourScorer(ReadOnlySpan<double> reference, int columns, int k = 5, NeighbourDistance method = NeighbourDistance.Largest)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(k, 1);
        _neighbours = new NearestNeighbours(reference, columns);
        _k = Math.Min(k, _neighbours.Count);
        _method = method;
    }

    public int Columns => _neighbours.Columns;

    public void Score(ReadOnlySpan<double> rows, Span<double> scores) => Score(rows, scores, -1);

    /// <summary>Scores reference rows <paramref name="first"/>, first + 1, … each without itself; 0 where no other row exists.</summary>
    public void ScoreLeavingSelfOut(ReadOnlySpan<double> rows, Span<double> scores, int first = 0) => Score(rows, scores, first);

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
