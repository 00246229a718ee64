namespace Monitoring.Statistics;

/// <summary>How a column's tails become its share of a row's score.</summary>
internal interface ITailCombination
{
    /// <param name="left">−ln of the left tail.</param>
    /// <param name="right">−ln of the right tail.</param>
    /// <param name="skew">Sign of the column's skewness.</param>
    static abstract double Combine(double left, double right, int skew);
}
