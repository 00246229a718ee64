namespace Monitoring.Statistics;

/// <summary>
/// COPOD (Li et al. 2020): Σ over columns of max(skewness-chosen tail, mean of both tails), each as −ln of the empirical
/// probability. Scored per row against the reference alone. No parameters.
/// </summary>
public sealed class Copod : IRowScorer
{
    private readonly EmpiricalTails _tails;

    public Copod(ReadOnlySpan<double> reference, int columns) => _tails = new EmpiricalTails(reference, columns);

    public int Columns => _tails.Columns;

    public void Score(ReadOnlySpan<double> rows, Span<double> scores)
    {
        var count = RowShape.Check(rows, Columns, scores);
        for (var i = 0; i < count; i++)
        {
            double sum = 0;
            for (var c = 0; c < Columns; c++)
            {
                var (left, right) = _tails.Of(c, rows[(i * Columns) + c]);
                var skewed = _tails.Skew(c) switch { < 0 => left, > 0 => right, _ => left + right };
                sum += Math.Max(skewed, (left + right) / 2);
            }

            scores[i] = sum;
        }
    }
}
