namespace Monitoring.Statistics;

/// <summary>
/// The default outlier score: several views of a row, each calibrated against the reference, added up. A view of the neighbourhood
/// is a scaling of the columns and a depth: the log distance to the nearest reference row, or the mean log distance to
/// the three nearest. One more view is of the whole: the log of <see cref="ShrunkMahalanobis"/>, which sees what breaks the columns' correlations where neighbours are too
/// few to show them. Every view's leave-one-out scores over the reference turn it into −ln p (see <see cref="TailSurprisal"/>); the sum is Fisher's combination of them. Nothing
/// to tune, and nothing depends on the columns' units if the scalings do not.
/// </summary>
public sealed class ReferenceViews : ILeaveOneOutScorer
{
    private const int Depth = 3;

    // Duplicates of reference rows have distance 0: far below every other, but finite.
    private const double Floor = 1e-9;

    // Fitting the metric takes n·d² steps, a row d².
    private const int MostCorrelated = 512;
    private readonly INeighbourSearch[] _neighbours;
    private readonly double[][] _scalings;
    private readonly TailSurprisal[] _nearest;
    private readonly TailSurprisal[] _mean;
    private readonly ShrunkMahalanobis? _whole;
    private readonly TailSurprisal? _far;
    private readonly int _depth;

    /// <param name="reference">At least three finite rows.</param>
    /// <param name="scalings">Per view, the factor of every column.</param>
    /// <param name="search">Makes the searches; null for the one on vector units.</param>
    public ReferenceViews(ReadOnlySpan<double> reference, int columns, IReadOnlyList<double[]> scalings, NeighbourSearchFactory? search = null)
    {
        ArgumentNullException.ThrowIfNull(scalings);
        var n = RowShape.CheckReference(reference, columns, 3);
        Columns = columns;
        _depth = Math.Min(Depth, n - 1);
        _scalings = [.. scalings];
        _neighbours = new INeighbourSearch[_scalings.Length];
        _nearest = new TailSurprisal[_scalings.Length];
        _mean = new TailSurprisal[_scalings.Length];
        ReferenceScores = new double[n];
        var logs = new (double[] Nearest, double[] Mean)[_scalings.Length];
        for (var v = 0; v < _scalings.Length; v++)
        {
            var rows = Scale(reference, _scalings[v]);
            _neighbours[v] = search?.Invoke(rows, columns) ?? new NearestNeighbours(rows, columns);
            logs[v] = Logs(_neighbours[v], rows, self: 0);
            _nearest[v] = new TailSurprisal(logs[v].Nearest);
            _mean[v] = new TailSurprisal(logs[v].Mean);
            Add(v, logs[v], ReferenceScores);
        }

        if (columns <= MostCorrelated)
        {
            _whole = new ShrunkMahalanobis(reference, columns);
            var far = Array.ConvertAll(_whole.ReferenceScores, Far);
            _far = new TailSurprisal(far);
            for (var i = 0; i < n; i++)
            {
                ReferenceScores[i] += _far.Of(far[i]);
            }
        }
    }

    public int Columns { get; }

    public double[] ReferenceScores { get; }

    public void Score(ReadOnlySpan<double> rows, Span<double> scores)
    {
        var count = RowShape.Check(rows, Columns, scores);
        scores.Clear();
        for (var v = 0; v < _scalings.Length; v++)
        {
            Add(v, Logs(_neighbours[v], Scale(rows, _scalings[v]), self: -1), scores);
        }

        if (_whole is not null)
        {
            var distances = new double[count];
            _whole.Score(rows, distances);
            for (var i = 0; i < count; i++)
            {
                scores[i] += _far!.Of(Far(distances[i]));
            }
        }
    }

    private static double Far(double squared) => Math.Log(squared + Floor);

    private void Add(int view, (double[] Nearest, double[] Mean) logs, Span<double> scores)
    {
        for (var i = 0; i < scores.Length; i++)
        {
            scores[i] += _nearest[view].Of(logs.Nearest[i]) + _mean[view].Of(logs.Mean[i]);
        }
    }

    private (double[] Nearest, double[] Mean) Logs(INeighbourSearch neighbours, double[] rows, int self)
    {
        var count = rows.Length / Columns;
        var indices = new int[count * _depth];
        var distances = new double[count * _depth];
        neighbours.Find(rows, _depth, indices, distances, self);
        var nearest = new double[count];
        var mean = new double[count];
        for (var i = 0; i < count; i++)
        {
            for (var k = 0; k < _depth; k++)
            {
                mean[i] += Math.Log(distances[(i * _depth) + k] + Floor) / _depth;
            }

            nearest[i] = Math.Log(distances[i * _depth] + Floor);
        }

        return (nearest, mean);
    }

    private double[] Scale(ReadOnlySpan<double> rows, double[] factors)
    {
        var scaled = rows.ToArray();
        for (var i = 0; i < scaled.Length; i++)
        {
            scaled[i] *= factors[i % Columns];
        }

        return scaled;
    }
}
