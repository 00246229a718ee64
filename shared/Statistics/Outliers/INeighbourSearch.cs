namespace Monitoring.Statistics;

/// <summary>Exact nearest neighbours among frozen reference rows. Safe to call from several threads at once.</summary>
public interface INeighbourSearch
{
    /// <summary>Reference rows.</summary>
    int Count { get; }

    int Columns { get; }

    /// <summary>The k nearest reference rows of each row, nearest first.</summary>
    /// <param name="rows">Finite rows, row-major.</param>
    /// <param name="k">1 ≤ k ≤ the reference rows that may answer.</param>
    /// <param name="indices">k a row.</param>
    /// <param name="distances">k a row, Euclidean.</param>
    /// <param name="self">Index of the reference row that row 0 is, the next of row 1, …: a row is no neighbour of itself. −1 for new rows.</param>
    void Find(ReadOnlySpan<double> rows, int k, Span<int> indices, Span<double> distances, int self = -1);
}
