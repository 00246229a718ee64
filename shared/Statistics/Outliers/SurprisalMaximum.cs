namespace Monitoring.Statistics;

/// <summary>
/// Several scores of one row as one: each becomes −ln of its conformal p-value against clean scores (see <see cref="TailSurprisal"/>), and the largest counts.
/// A row is unusual if it is so in any respect. Scores that are NaN are left out.
/// </summary>
public sealed class SurprisalMaximum
{
    private readonly TailSurprisal?[] _parts;

    /// <param name="clean">Per score, its clean values; a score without finite ones is left out for good.</param>
    public SurprisalMaximum(IReadOnlyList<double[]> clean)
    {
        ArgumentNullException.ThrowIfNull(clean);
        _parts = [.. clean.Select(c => c.Any(double.IsFinite) ? new TailSurprisal([.. c.Where(double.IsFinite)]) : null)];
    }

    /// <summary>The largest surprisal, and which score it is; −1 where all are missing.</summary>
    public (double Surprisal, int Part) Of(ReadOnlySpan<double> scores)
    {
        var largest = 0.0;
        var part = -1;
        for (var i = 0; i < _parts.Length; i++)
        {
            if (_parts[i] is { } tail && !double.IsNaN(scores[i]))
            {
                var surprisal = tail.Of(scores[i]);
                if (part < 0 || surprisal > largest)
                {
                    (largest, part) = (surprisal, i);
                }
            }
        }

        return (largest, part);
    }
}
