namespace Monitoring.Statistics;

/// <summary>
/// Evidence that the mean of a bounded metric fell below, or rose above, a stated value: betting of Waudby-Smith and Ramdas
/// (JRSS B 2024; reference/algorithms.md d.9.5). K ← K·(1 + λ(x − m)), with the predictable plug-in λ, truncated at c/m or c/(1 − m);
/// K is an e-process for "mean ≤ m" (rise) or "mean ≥ m" (fall): P(ever ≥ 1/α) ≤ α.
/// </summary>
public sealed class BoundedMeanEvidence
{
    private const double Truncation = 0.5;
    private readonly double _mean;
    private readonly bool _rise;
    private readonly double _logAlpha;
    private double _logValue;
    private double _sum;
    private double _squares;
    private long _count;

    /// <param name="mean">m in (0, 1), the mean of the null's edge.</param>
    /// <param name="rise">True: evidence that the mean is above m; false: below.</param>
    /// <param name="alpha">The error for which the bets are tuned, in (0, 1); any level is valid.</param>
    public BoundedMeanEvidence(double mean, bool rise, double alpha = 0.001)
    {
        if (!(mean > 0 && mean < 1))
        {
            throw new ArgumentOutOfRangeException(nameof(mean), mean, "the mean of a metric in [0, 1] lies in (0, 1)");
        }

        if (!(alpha > 0 && alpha < 1))
        {
            throw new ArgumentOutOfRangeException(nameof(alpha), alpha, "an error probability lies in (0, 1)");
        }

        _mean = mean;
        _rise = rise;
        _logAlpha = 2 * Math.Log(1 / alpha);
    }

    /// <summary>ln K.</summary>
    public double LogEvidence => _logValue;

    /// <summary>Draws so far.</summary>
    public long Draws => _count;

    /// <summary>Takes one value in [0, 1].</summary>
    public void Update(double x)
    {
        if (!(x >= 0 && x <= 1))
        {
            throw new ArgumentOutOfRangeException(nameof(x), x, "a bounded metric lies in [0, 1]");
        }

        var t = _count + 1;
        var centre = (0.5 + _sum) / t;
        var variance = Math.Max((0.25 + _squares) / t, 1e-12);
        var tuned = Math.Sqrt(_logAlpha / (variance * t * Math.Log(1 + t)));
        var bet = _rise ? Math.Min(tuned, Truncation / _mean) : -Math.Min(tuned, Truncation / (1 - _mean));
        _logValue += double.LogP1(bet * (x - _mean));
        _sum += x;
        _squares += (x - centre) * (x - centre);
        _count++;
    }

    public void Save(CanonicalWriter writer)
    {
        writer.WriteDouble(_logValue);
        writer.WriteDouble(_sum);
        writer.WriteDouble(_squares);
        writer.WriteCount(_count);
    }

    public void Restore(ref CanonicalReader reader)
    {
        _logValue = reader.ReadDouble();
        _sum = reader.ReadDouble();
        _squares = reader.ReadDouble();
        _count = reader.ReadCount();
    }
}
