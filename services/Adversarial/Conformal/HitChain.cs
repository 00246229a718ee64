using Monitoring.Statistics;

namespace Monitoring.Adversarial;

/// <summary>One client's hits of one score, and what <see cref="HonestHits"/> predict of the next: given what the client did before, so that the bets stay fair to every honest rate that lasts.</summary>
internal sealed class HitChain
{
    /// <summary>Followers that the population's rate is worth against the client's own runs.</summary>
    private const double RunConcentration = 10;

    private long _draws;
    private long _hits;
    private long _followers;
    private long _followed;
    private long _run;

    /// <summary>
    /// Probability of a hit that an honest client of this history has at most: after a miss the mean of its posterior Beta, never below the population's; after a hit the same of its completed runs. The run that goes
    /// on does not teach: an attack is one long run.
    /// </summary>
    public double Predict(HonestHits honest) => _run > 0
        ? Math.Max(honest.AfterHit, ((RunConcentration * honest.AfterHit) + _followed) / (RunConcentration + _followers))
        : Math.Max(honest.Share, ((honest.Concentration * honest.Share) + _hits) / (honest.Concentration + _draws));

    public void Add(bool hit)
    {
        if (_run == 0)
        {
            _draws++;
            _hits += hit ? 1 : 0;
            _run = hit ? 1 : 0;
        }
        else if (hit)
        {
            _run++;
        }
        else
        {
            _followers += _run;
            _followed += _run - 1;
            _run = 0;
        }
    }

    public void Write(CanonicalWriter writer)
    {
        writer.WriteCount(_draws);
        writer.WriteCount(_hits);
        writer.WriteCount(_followers);
        writer.WriteCount(_followed);
        writer.WriteCount(_run);
    }

    public static HitChain Read(ref CanonicalReader reader) => new()
    {
        _draws = reader.ReadCount(),
        _hits = reader.ReadCount(),
        _followers = reader.ReadCount(),
        _followed = reader.ReadCount(),
        _run = reader.ReadCount(),
    };
}
