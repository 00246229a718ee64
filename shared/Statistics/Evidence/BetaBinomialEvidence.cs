namespace Monitoring.Statistics;

/// <summary>
/// Evidence of one client that its hit rate lies above what honest clients' rates, Beta(a, b) over the population, explain
/// (RUNTIME 6, membership): the null predicts a hit with (a + hits)/(a + b + n), each alternative with its fixed q; the mean
/// of the likelihood ratios is an e-process for a client drawn from the population: P(ever ≥ 1/α) ≤ α. Where the population itself is wide
/// nothing is detectable from the rate, and the evidence stays low.
/// </summary>
public sealed class BetaBinomialEvidence
{
    private readonly double _a;
    private readonly double _b;
    private readonly double[] _alternatives;
    private readonly double[] _values;
    private long _hits;
    private long _draws;

    /// <param name="a">Parameter of the population of rates, &gt; 0.</param>
    /// <param name="b">Parameter of the population of rates, &gt; 0.</param>
    /// <param name="alternatives">Hit rates of attackers, each in (0, 1).</param>
    public BetaBinomialEvidence(double a, double b, ReadOnlySpan<double> alternatives)
    {
        if (!(a > 0 && b > 0 && double.IsFinite(a + b)))
        {
            throw new ArgumentException($"Beta({a}, {b}) is no distribution");
        }

        _alternatives = alternatives.ToArray();
        if (_alternatives.Length == 0 || _alternatives.Any(q => !(q > 0 && q < 1)))
        {
            throw new ArgumentException("alternatives are one or more rates in (0, 1)", nameof(alternatives));
        }

        _a = a;
        _b = b;
        _values = new double[_alternatives.Length];
        Array.Fill(_values, 1);
    }

    /// <summary>The e-process; 1 at the start.</summary>
    public double Value => _values.Average();

    /// <summary>Natural logarithm of <see cref="Value"/>.</summary>
    public double LogEvidence => Math.Log(Value);

    /// <summary>Takes one draw.</summary>
    public void Update(bool hit)
    {
        var chance = (_a + _hits) / (_a + _b + _draws);
        for (var i = 0; i < _values.Length; i++)
        {
            _values[i] = Math.Min(_values[i] * (hit ? _alternatives[i] / chance : (1 - _alternatives[i]) / (1 - chance)), 1e270);
        }

        _draws++;
        _hits += hit ? 1 : 0;
    }

    /// <summary>a and b of a population by the method of moments from honest clients' hits and draws; the spread is never taken below that of 10⁶ draws.</summary>
    /// <param name="hits">Hits of every client.</param>
    /// <param name="draws">Draws of every client, positive.</param>
    public static (double A, double B) Fit(ReadOnlySpan<long> hits, ReadOnlySpan<long> draws)
    {
        if (hits.Length != draws.Length || hits.Length < 2)
        {
            throw new ArgumentException("hits and draws of at least two clients are needed", nameof(hits));
        }

        double allHits = 0, allDraws = 0, squares = 0;
        for (var i = 0; i < hits.Length; i++)
        {
            allHits += hits[i];
            allDraws += draws[i];
            squares += (double)draws[i] * draws[i];
        }

        // Half a hit keeps the mean off 0 and 1, where no Beta lives.
        var mean = (allHits + 0.5) / (allDraws + 1);
        var between = 0.0;
        for (var i = 0; i < hits.Length; i++)
        {
            between += draws[i] * Math.Pow(((double)hits[i] / draws[i]) - mean, 2);
        }

        // Kleinman's moments (JASA 1973): E[between] = p(1 − p)[(k − 1) + ρ(N − Σn²/N − k + 1)].
        var clients = hits.Length;
        var correlation = ((between / (mean * (1 - mean))) - (clients - 1)) / (allDraws - (squares / allDraws) - (clients - 1));
        var concentration = Math.Min((1 / Math.Clamp(correlation, 1e-9, 0.999)) - 1, 1e6);
        return (mean * concentration, (1 - mean) * concentration);
    }

    public void Save(CanonicalWriter writer)
    {
        writer.WriteCount(_hits);
        writer.WriteCount(_draws);
        writer.WriteDoubles(_values);
    }

    public void Restore(ref CanonicalReader reader)
    {
        _hits = reader.ReadCount();
        _draws = reader.ReadCount();
        var values = reader.ReadDoubles();
        if (values.Length != _values.Length || values.Any(v => !(v >= 0 && double.IsFinite(v))))
        {
            throw new InvalidDataException("state of other beta-binomial evidence");
        }

        values.CopyTo(_values, 0);
    }
}
