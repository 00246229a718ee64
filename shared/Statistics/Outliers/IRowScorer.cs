namespace Monitoring.Statistics;

/// <summary>Scores rows of a table one by one against a frozen reference: a row's score never depends on the batch it came in.</summary>
public interface IRowScorer
{
    /// <summary>Columns a row must have.</summary>
    int Columns { get; }

    /// <summary>
    /// Writes one finite score per row, higher = more unusual. Rows are row-major and finite. Safe to call from several
    /// threads at once.
    /// </summary>
    /// <exception cref="ArgumentException">The values do not fill rows of <see cref="Columns"/>, or there is not one place per row.</exception>
    void Score(ReadOnlySpan<double> rows, Span<double> scores);
}
