namespace Monitoring.Statistics;

/// <summary>
/// How far the events of clean traffic depend on each other, as `fit` measures it (RUNTIME 5): repeats, clients' shares,
/// integrated autocorrelation time, and the admission settings that follow.
/// </summary>
public sealed record DependenceFit
{
    /// <summary>Correlation left between two draws that counts as none.</summary>
    private const double Negligible = 0.05;

    private const int FewestPairs = 100;

    /// <summary>Pairs of one client are looked at up to this many events apart.</summary>
    private const int MaxLag = 256;

    /// <summary>Events measured.</summary>
    public required long Events { get; init; }

    /// <summary>Share of events whose payload their client had sent before.</summary>
    public required double RepeatShare { get; init; }

    /// <summary>Share of the events of the busiest client.</summary>
    public required double LargestClientShare { get; init; }

    /// <summary>1/Σ share²: how many equally busy clients would look like these.</summary>
    public required double EffectiveClients { get; init; }

    /// <summary>Integrated autocorrelation time in events, 1 + 2Σρ, of all events in log order (ranks for numbers, agreement for categories).</summary>
    public required double AutocorrelationTime { get; init; }

    /// <summary>The admission settings that follow.</summary>
    public required AdmissionSettings Admission { get; init; }

    /// <summary>Measures one variable.</summary>
    /// <param name="events">Clean events in log order, at least 200.</param>
    /// <param name="kind">Numbers or categories.</param>
    public static DependenceFit Measure(ReadOnlySpan<DependentEvent> events, StreamKind kind)
    {
        if (events.Length < 2 * FewestPairs)
        {
            throw new ArgumentException($"{events.Length} events; at least {2 * FewestPairs} are needed to see dependence", nameof(events));
        }

        var seen = new HashSet<(ulong, ulong)>();
        var perClient = new Dictionary<ulong, List<int>>();
        var repeats = 0L;
        for (var i = 0; i < events.Length; i++)
        {
            if (events[i].Payload != 0 && !seen.Add((events[i].Client, events[i].Payload)))
            {
                repeats++;
                continue;
            }

            if (!perClient.TryGetValue(events[i].Client, out var list))
            {
                perClient.Add(events[i].Client, list = []);
            }

            if (!double.IsNaN(events[i].Value))
            {
                list.Add(i);
            }
        }

        var shares = new Dictionary<ulong, double>();
        foreach (var e in events)
        {
            shares[e.Client] = shares.GetValueOrDefault(e.Client) + (1.0 / events.Length);
        }

        var scores = Scores(events, kind);
        var (gap, time) = SessionTimes(events, perClient, scores, kind);
        return new DependenceFit
        {
            Events = events.Length,
            RepeatShare = repeats / (double)events.Length,
            LargestClientShare = shares.Values.Max(),
            EffectiveClients = 1 / shares.Values.Order().Sum(s => s * s),
            AutocorrelationTime = IntegratedTime(scores, kind),
            Admission = new AdmissionSettings { SessionGapMs = gap, AutocorrelationMs = time },
        };
    }

    /// <summary>The settings that are safe for several variables: the longest times.</summary>
    public static AdmissionSettings Combine(IEnumerable<DependenceFit> fits) => fits.Select(f => f.Admission).Aggregate((a, b) => a with
    {
        SessionGapMs = Math.Max(a.SessionGapMs, b.SessionGapMs),
        AutocorrelationMs = Math.Max(a.AutocorrelationMs, b.AutocorrelationMs),
    });

    /// <summary>
    /// τ = 1 + 2 Σ ρ_k over the initial positive sequence (Geyer, Statistical Science 1992): pairs of lags are added while
    /// their sum is positive. Ranks for numbers; for categories ρ_k = (P(equal at lag k) − Σp²)/(1 − Σp²).
    /// </summary>
    internal static double IntegratedTime(ReadOnlySpan<double> scores, StreamKind kind)
    {
        var chance = Chance(scores, kind);
        var tau = 1.0;
        var most = Math.Min(scores.Length / 4, 4_096);
        for (var lag = 1; lag + 1 < most; lag += 2)
        {
            var pair = Correlation(scores, lag, kind, chance) + Correlation(scores, lag + 1, kind, chance);

            // Once the tail is noise it is not summed: its standard error per pair is about √(2/n).
            if (pair < Math.Sqrt(2.0 / scores.Length))
            {
                break;
            }

            tau += 2 * pair;
        }

        return tau;
    }

    /// <summary>Ranks scaled to mean 0 and variance 1 (ties get their middle rank), or the codes themselves; missing values are the middle.</summary>
    private static double[] Scores(ReadOnlySpan<DependentEvent> events, StreamKind kind)
    {
        var scores = new double[events.Length];
        for (var i = 0; i < scores.Length; i++)
        {
            scores[i] = events[i].Value;
        }

        if (kind == StreamKind.Categorical)
        {
            return scores;
        }

        var order = Enumerable.Range(0, scores.Length).Where(i => !double.IsNaN(scores[i])).OrderBy(i => scores[i]).ToArray();
        var ranks = new double[scores.Length];
        for (var start = 0; start < order.Length;)
        {
            var end = start;
            while (end < order.Length && scores[order[end]] == scores[order[start]])
            {
                end++;
            }

            for (var i = start; i < end; i++)
            {
                ranks[order[i]] = (0.5 * (start + end - 1)) - (0.5 * (order.Length - 1));
            }

            start = end;
        }

        var deviation = Math.Sqrt(ranks.Sum(r => r * r) / ranks.Length);
        return deviation > 0 ? [.. ranks.Select(r => r / deviation)] : ranks;
    }

    private static double Chance(ReadOnlySpan<double> scores, StreamKind kind)
    {
        if (kind == StreamKind.Numeric)
        {
            return 0;
        }

        var counts = new SortedDictionary<double, double>();
        foreach (var score in scores)
        {
            counts[score] = counts.GetValueOrDefault(score) + (1.0 / scores.Length);
        }

        return counts.Values.Sum(p => p * p);
    }

    private static double Correlation(ReadOnlySpan<double> scores, int lag, StreamKind kind, double chance)
    {
        var sum = 0.0;
        for (var i = lag; i < scores.Length; i++)
        {
            sum += Agreement(scores[i], scores[i - lag], kind, chance);
        }

        return sum / (scores.Length - lag);
    }

    private static double Agreement(double one, double other, StreamKind kind, double chance) => kind == StreamKind.Numeric
        ? one * other
        : chance >= 1 ? 0 : ((one == other ? 1.0 : 0.0) - chance) / (1 - chance);

    /// <summary>
    /// Correlation of two events of one client by the time between them, in bins of a factor √2: the autocorrelation
    /// time is where it has sunk to what it is far apart (clients that differ always agree a little with themselves). The session gap
    /// is the same for neighbours in time only, by the pause between them.
    /// </summary>
    private static (long Gap, long Time) SessionTimes(ReadOnlySpan<DependentEvent> events, Dictionary<ulong, List<int>> perClient, double[] scores, StreamKind kind)
    {
        var chance = Chance(scores, kind);
        var neighbours = new List<Pair>();
        var all = new List<Pair>();
        foreach (var list in perClient.OrderBy(c => c.Key).Select(c => c.Value))
        {
            for (var i = 1; i < list.Count; i++)
            {
                for (var lag = 1; lag <= Math.Min(i, MaxLag); lag = lag < 8 ? lag + 1 : lag + (lag / 4))
                {
                    var between = events[list[i]].LogTimeMs - events[list[i - lag]].LogTimeMs;
                    var pair = new Pair(between, Agreement(scores[list[i]], scores[list[i - lag]], kind, chance));
                    all.Add(pair);
                    if (lag == 1)
                    {
                        neighbours.Add(pair);
                    }
                }
            }
        }

        var time = Decay(all);
        var gap = Decay(neighbours);

        // Dependence seen only at longer lags still means that a client's events are no draws of their own.
        return (gap == 0 ? time : gap, time);
    }

    /// <summary>
    /// Lower end of the first time bin known to be free after the last one in which pairs agree more than those far apart; 0
    /// when none does. What lies between has too few pairs to tell and is not trusted: the rare long pause within a burst
    /// of 50 would make two draws of it.
    /// </summary>
    private static long Decay(List<Pair> pairs)
    {
        var groups = pairs.GroupBy(p => p.BetweenMs <= 0 ? -1 : (int)Math.Floor(2 * Math.Log2(p.BetweenMs)))
            .Select(g => (Bin: g.Key, Count: g.Count(), Mean: g.Average(p => p.Agreement), Shortest: g.Min(p => p.BetweenMs)))
            .Where(g => g.Count >= FewestPairs).OrderBy(g => g.Bin).ToList();
        if (groups.Count == 0)
        {
            return 0;
        }

        // "Far apart" is only known where a bin lies a factor of four beyond the nearest one; the median of the farthest five,
        // because far bins hold few bursts and one of them alone may agree by chance.
        var far = groups.Skip(Math.Max(0, groups.Count - 5)).Where(g => g.Bin >= groups[0].Bin + 4).Select(g => g.Mean).Order().ToArray();
        var plateau = far.Length > 0 ? Math.Clamp(far[far.Length / 2], 0, 1) : 0;
        var last = groups.FindLastIndex(g => g.Mean - plateau > Math.Max(Negligible, 3 / Math.Sqrt(g.Count)));
        return last < 0 ? 0 : last + 1 < groups.Count ? groups[last + 1].Shortest : pairs.Max(p => p.BetweenMs) + 1;
    }

    private readonly record struct Pair(long BetweenMs, double Agreement);
}
