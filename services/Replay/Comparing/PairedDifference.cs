namespace Monitoring.Replay.Comparing;

/// <summary>A difference B − A over pairs, with a confidence interval.</summary>
/// <param name="Measure">What is compared.</param>
/// <param name="Pairs">Pairs.</param>
/// <param name="A">Value of A.</param>
/// <param name="B">Value of B.</param>
/// <param name="Difference">B − A.</param>
/// <param name="Low">Lower end of the interval.</param>
/// <param name="High">Upper end.</param>
internal sealed record PairedDifference(string Measure, int Pairs, double A, double B, double Difference, double Low, double High)
{
    /// <summary>
    /// Difference of two proportions on the same rows. Interval of Agresti and Min, "Simple improved confidence intervals for comparing
    /// matched proportions" (2005): half an observation is added to each cell of the table of pairs, then Wald.
    /// </summary>
    /// <param name="measure">Name.</param>
    /// <param name="a">Whether A was right, per row.</param>
    /// <param name="b">Whether B was right.</param>
    /// <param name="z">Normal quantile of the level: 1.959964 for 95 %.</param>
    public static PairedDifference OfProportions(string measure, IReadOnlyList<bool> a, IReadOnlyList<bool> b, double z)
    {
        Check(a.Count, b.Count);
        int onlyA = 0, onlyB = 0, rightA = 0, rightB = 0;
        for (var i = 0; i < a.Count; i++)
        {
            rightA += a[i] ? 1 : 0;
            rightB += b[i] ? 1 : 0;
            onlyA += a[i] && !b[i] ? 1 : 0;
            onlyB += b[i] && !a[i] ? 1 : 0;
        }

        var n = a.Count + 2.0;
        var (x, y) = (onlyA + 0.5, onlyB + 0.5);
        var middle = (y - x) / n;
        var error = Math.Sqrt(Math.Max(0, x + y - ((y - x) * (y - x) / n))) / n;
        return new PairedDifference(measure, a.Count, (double)rightA / a.Count, (double)rightB / a.Count, (double)(onlyB - onlyA) / a.Count, middle - (z * error), middle + (z * error));
    }

    /// <summary>Difference of two means on the same rows; normal interval, so it wants some 30 rows at least.</summary>
    public static PairedDifference OfMeans(string measure, IReadOnlyList<double> a, IReadOnlyList<double> b, double z)
    {
        Check(a.Count, b.Count);
        var mean = 0.0;
        var squares = 0.0;
        for (var i = 0; i < a.Count; i++)
        {
            var difference = b[i] - a[i];
            var delta = difference - mean;
            mean += delta / (i + 1);
            squares += delta * (difference - mean);
        }

        var error = a.Count > 1 ? Math.Sqrt(squares / (a.Count - 1) / a.Count) : double.PositiveInfinity;
        return new PairedDifference(measure, a.Count, a.Average(), b.Average(), mean, mean - (z * error), mean + (z * error));
    }

    private static void Check(int a, int b)
    {
        if (a == 0 || a != b)
        {
            throw new ArgumentException($"{a} and {b} observations are no pairs");
        }
    }
}
