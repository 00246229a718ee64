namespace Monitoring.Statistics;

/// <summary>
/// Evidence that hits come more often than a known base rate p0: a mixture over alternatives q of Shiryaev–Roberts (or, as a
/// Ville e-process, of likelihood ratios) with increments q/p0 on a hit and (1 − q)/(1 − p0) on a miss. Under rates
/// below p0 the increments are still bets against (q &gt; p0): E[r] ≤ 1. Clients that differ need
/// <see cref="BetaBinomialEvidence"/> instead (trials-digits.md B 5).
/// </summary>
public sealed class BernoulliEvidence
{
    private readonly double[] _hit;
    private readonly double[] _miss;
    private readonly double[] _values;
    private readonly bool _restarts;

    /// <param name="baseRate">p0 in (0, 1).</param>
    /// <param name="alternatives">Each in (p0, 1); empty: {2·p0, 5·p0, 20·p0, ½} as far as they lie there.</param>
    /// <param name="detectChange">True: SR, for a change at any time, alarm at SR ≥ period/b. False: an e-process from 1, reject at 1/α.</param>
    public BernoulliEvidence(double baseRate, ReadOnlySpan<double> alternatives = default, bool detectChange = true)
    {
        if (!(baseRate > 0 && baseRate < 1))
        {
            throw new ArgumentOutOfRangeException(nameof(baseRate), baseRate, "a base rate lies in (0, 1)");
        }

        double[] q = alternatives.IsEmpty
            ? [.. new[] { 2 * baseRate, 5 * baseRate, 20 * baseRate, 0.5, (1 + baseRate) / 2 }.Where(a => a > baseRate && a < 1).Distinct().Order()]
            : alternatives.ToArray();
        if (q.Any(a => !(a > baseRate && a < 1)))
        {
            throw new ArgumentException($"alternatives must lie between the base rate {baseRate} and 1", nameof(alternatives));
        }

        _hit = [.. q.Select(a => a / baseRate)];
        _miss = [.. q.Select(a => (1 - a) / (1 - baseRate))];
        _values = new double[q.Length];
        _restarts = detectChange;
        Restart();
    }

    /// <summary>The mean over the alternatives.</summary>
    public double Value
    {
        get
        {
            var sum = 0.0;
            foreach (var value in _values)
            {
                sum += value;
            }

            return sum / _values.Length;
        }
    }

    /// <summary>Natural logarithm of <see cref="Value"/>.</summary>
    public double LogEvidence => Math.Log(Value);

    /// <summary>Takes one draw.</summary>
    /// <param name="hit">Whether it is a hit.</param>
    /// <param name="elapsed">Log time since the last draw; not used by the e-process.</param>
    public void Update(bool hit, double elapsed)
    {
        var factors = hit ? _hit : _miss;
        for (var i = 0; i < _values.Length; i++)
        {
            _values[i] = Math.Min((_values[i] + (_restarts ? elapsed : 0)) * factors[i], 1e270);
        }
    }

    /// <summary>From the start.</summary>
    public void Restart() => Array.Fill(_values, _restarts ? 0 : 1);

    public void Save(CanonicalWriter writer) => writer.WriteDoubles(_values);

    public void Restore(ref CanonicalReader reader)
    {
        var values = reader.ReadDoubles();
        if (values.Length != _values.Length || values.Any(v => !(v >= 0 && double.IsFinite(v))))
        {
            throw new InvalidDataException("state of other Bernoulli evidence");
        }

        values.CopyTo(_values, 0);
    }
}
