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
        RowShape.Check(rows, Columns, scores);
        _tails.Accumulate<Combination>(rows, scores);
    }

    private readonly struct Combination : ITailCombination
    {
        public static double Combine(double left, double right, int skew) => skew == 0 ? left + right : Math.Max(left, right);
    }
}
