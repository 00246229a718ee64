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
        RowShape.Check(rows, Columns, scores);
        _tails.Accumulate<Combination>(rows, scores);
    }

    private readonly struct Combination : ITailCombination
    {
        public static double Combine(double left, double right, int skew) => Math.Max(skew < 0 ? left : skew > 0 ? right : left + right, (left + right) / 2);
    }
}
