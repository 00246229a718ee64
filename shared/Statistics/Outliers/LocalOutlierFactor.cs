namespace Monitoring.Statistics;

/// <summary>
/// The local outlier factor (Breunig et al. 2000) of new rows against a frozen reference: mean lrd of the k neighbours over
/// the row's own, lrd = 1/mean max(k-distance(o), d(x, o)).
/// </summary>
public sealed class LocalOutlierFactor : ILeaveOneOutScorer
{
    // As scikit-learn: duplicates must not divide by zero.
    private const double Epsilon = 1e-10;
    private readonly INeighbourSearch _neighbours;
    private readonly int _k;
    private readonly double[] _kDistance;
    private readonly double[] _density;

    /// <param name="reference">At least two rows; with k or fewer, k is one less than the number of rows.</param>
    /// <param name="search">Makes the search; null for the one on vector units.</param>
    public LocalOutlierFactor(ReadOnlySpan<double> reference, int columns, int k = 20, NeighbourSearchFactory? search = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(k, 1);
        var n = RowShape.CheckReference(reference, columns, 2);
        _neighbours = search?.Invoke(reference, columns) ?? new NearestNeighbours(reference, columns);
        _k = Math.Min(k, n - 1);
        var indices = new int[n * _k];
        var distances = new double[n * _k];
        _neighbours.Find(reference, _k, indices, distances, self: 0);
        _kDistance = new double[n];
        for (var i = 0; i < n; i++)
        {
            _kDistance[i] = distances[(i * _k) + _k - 1];
        }

        _density = new double[n];
        ReferenceScores = new double[n];
        for (var i = 0; i < n; i++)
        {
            _density[i] = Density(indices.AsSpan(i * _k, _k), distances.AsSpan(i * _k, _k));
        }

        for (var i = 0; i < n; i++)
        {
            ReferenceScores[i] = Factor(indices.AsSpan(i * _k, _k), _density[i]);
        }
    }

    public int Columns => _neighbours.Columns;

    /// <summary>The reference rows' own factors, each without itself.</summary>
    public double[] ReferenceScores { get; }

    public void Score(ReadOnlySpan<double> rows, Span<double> scores)
    {
        var count = RowShape.Check(rows, Columns, scores);
        var indices = new int[count * _k];
        var distances = new double[count * _k];
        _neighbours.Find(rows, _k, indices, distances);
        for (var i = 0; i < count; i++)
        {
            var near = indices.AsSpan(i * _k, _k);
            scores[i] = Factor(near, Density(near, distances.AsSpan(i * _k, _k)));
        }
    }

    private double Density(ReadOnlySpan<int> indices, ReadOnlySpan<double> distances)
    {
        double sum = 0;
        for (var i = 0; i < indices.Length; i++)
        {
            sum += Math.Max(distances[i], _kDistance[indices[i]]);
        }

        return 1 / ((sum / indices.Length) + Epsilon);
    }

    private double Factor(ReadOnlySpan<int> indices, double density)
    {
        double sum = 0;
        foreach (var index in indices)
        {
            sum += _density[index];
        }

        return sum / indices.Length / density;
    }
}
