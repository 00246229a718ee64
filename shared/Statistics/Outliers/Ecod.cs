namespace Monitoring.Statistics;

/// <summary>
/// ECOD (Li et al. 2022): Σ over columns of the largest of the left tail, the right tail and the tail that the column's
/// skewness points to, each as −ln of the empirical probability. Scored per row against the reference alone. No parameters.
/// </summary>
public sealed class Ecod : IRowScorer
{
    private readonly EmpiricalTails _tails;

    public Ecod(ReadOnlySpan<double> reference, int columns) => _tails = new EmpiricalTails(reference, columns);

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
                sum += _tails.Skew(c) == 0 ? left + right : Math.Max(left, right);
            }

            scores[i] = sum;
        }
    }
}
