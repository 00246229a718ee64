using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Extraction;

/// <summary>
/// Bets that a client's numbers lie farther out than honest clients' do. Each number, within its answer's class, falls into one of six bins by the share of clean queries that are as strange: up to 2, 5, 10, 20, 40 %, and the rest. The bets are
/// known beforehand and need not be learned, as those of the runtime's evidence are (ln n for every bin, some twenty nats by a hundred queries): q(bin) ∝ what a p-value with density κp^(κ−1) puts there, κ ∈ {0.6, 0.3}
/// (the power calibrators of V. Vovk and R. Wang, Annals of Statistics 2021). The null is an urn per client, (s·m + n)/(s + t).
/// </summary>
internal sealed class StrangeTails
{
    public const int Bins = 6;

    /// <summary>κ of the bets: the smaller, the stranger.</summary>
    public static readonly double[] Powers = [0.6, 0.3];

    /// <summary>
    /// What a client has is a stock of its own, and a stock of N inputs differs from everybody's as an urn of some N draws does: greater concentrations, which short samples of honest clients cannot exclude, would call a client strange
    /// because its few hundred inputs are (docs/adr/0095).
    /// </summary>
    public const double MostConcentration = 400;

    private const double DefaultConcentration = 100;
    private const int LeastOfClass = 100;
    private const int LeastClients = 6;
    private const int LeastOfClient = 10;
    private static readonly double[] s_tails = [0.4, 0.2, 0.1, 0.05, 0.02];

    /// <summary>Values from which on each of the tails begins: (class, and at last all) × tails.</summary>
    private readonly double[] _edges;
    private readonly double[] _masses;

    /// <summary>ln q(bin) of each power, powers × bins.</summary>
    private readonly double[] _bets;

    private StrangeTails(double[] edges, double[] masses, double concentration)
    {
        _edges = edges;
        _masses = masses;
        Concentration = concentration;
        _bets = new double[Powers.Length * Bins];
        for (var power = 0; power < Powers.Length; power++)
        {
            var tail = 1.0;
            for (var bin = 0; bin < Bins; bin++)
            {
                var beyond = bin == Bins - 1 ? 0 : Math.Max(0, tail - masses[bin]);
                _bets[(power * Bins) + bin] = Math.Log(Math.Pow(tail, Powers[power]) - Math.Pow(beyond, Powers[power]));
                tail = beyond;
            }
        }
    }

    /// <summary>s of the urn.</summary>
    public double Concentration { get; }

    /// <summary>Share of clean queries in each bin.</summary>
    public ReadOnlySpan<double> Masses => _masses;

    /// <param name="values">One number of clean queries, within its class; those that are not finite are left out.</param>
    /// <param name="classes">Their predicted classes; −1 for none.</param>
    /// <param name="clients">Who sent them; "" for nobody.</param>
    public static StrangeTails Fit(IReadOnlyList<float> values, IReadOnlyList<int> classes, IReadOnlyList<string> clients)
    {
        int[] finite = [.. Enumerable.Range(0, values.Count).Where(i => float.IsFinite(values[i]))];
        var groups = classes.DefaultIfEmpty(-1).Max() + 2;
        var edges = new double[groups * s_tails.Length];
        var beyond = new double[s_tails.Length];
        var counted = 0;
        for (var group = groups - 1; group >= 0; group--)
        {
            double[] sorted = [.. finite.Where(i => group == groups - 1 || classes[i] == group).Select(i => (double)values[i]).Order()];
            var own = edges.AsSpan(group * s_tails.Length, s_tails.Length);
            if (sorted.Length < LeastOfClass && group < groups - 1)
            {
                edges.AsSpan((groups - 1) * s_tails.Length).CopyTo(own);
                continue;
            }

            // Beyond the i-th of n values lies one in (n + 1)/(n − i + 1) of the next, not what lay there of these.
            for (var tail = 0; tail < own.Length; tail++)
            {
                var at = (int)Math.Ceiling(sorted.Length - (s_tails[tail] * (sorted.Length + 1)));
                var edge = sorted.Length == 0 ? double.PositiveInfinity : sorted[Math.Clamp(at, 0, sorted.Length - 1)];
                own[tail] = edge;
                beyond[tail] += sorted.Length * (sorted.Count(v => v > edge) + 1.0) / (sorted.Length + 1);
            }

            counted += sorted.Length;
        }

        var masses = new double[Bins];
        for (var bin = 0; bin < Bins; bin++)
        {
            masses[bin] = Share(bin - 1) - Share(bin);
        }

        var tails = new StrangeTails(edges, masses, DefaultConcentration);
        return new StrangeTails(edges, masses, tails.Spread([.. finite.Select(i => ((double)tails.BinOf(values[i], classes[i]), clients[i]))]));

        // Numbers that are often the same leave bins empty: a hundredth of the nominal share keeps them possible, and every bin holds something.
        double Share(int tail) => tail < 0 ? 1 : tail == s_tails.Length ? 0 : counted == 0 ? s_tails[tail] : (0.99 * Math.Min(1, beyond[tail] / counted)) + (0.01 * s_tails[tail]);
    }

    /// <summary>The bin of a value of this class, 0 for usual to 5 for the strangest.</summary>
    public int BinOf(double value, int predicted)
    {
        var groups = _edges.Length / s_tails.Length;
        var edges = _edges.AsSpan((predicted >= 0 && predicted < groups - 1 ? predicted : groups - 1) * s_tails.Length, s_tails.Length);
        var bin = 0;
        while (bin < edges.Length && value > edges[bin])
        {
            bin++;
        }

        return bin;
    }

    /// <summary>ln of the increment of a bet on a bin.</summary>
    /// <param name="power">Which of the <see cref="Powers"/>.</param>
    /// <param name="bin">What came.</param>
    /// <param name="before">How often the client had it before.</param>
    /// <param name="draws">How often it had any.</param>
    public double Increment(int power, int bin, long before, long draws) =>
        _bets[(power * Bins) + bin] - Math.Log(((Concentration * _masses[bin]) + before) / (Concentration + draws));

    public void Write(CanonicalWriter writer)
    {
        writer.WriteDoubles(_edges);
        writer.WriteDoubles(_masses);
        writer.WriteDouble(Concentration);
    }

    public static StrangeTails Read(ref CanonicalReader reader)
    {
        var (edges, masses, concentration) = (reader.ReadDoubles(), reader.ReadDoubles(), reader.ReadDouble());
        return edges.Length > 0 && edges.Length % s_tails.Length == 0 && masses.Length == Bins && concentration > 0
            ? new StrangeTails(edges, masses, concentration)
            : throw new InvalidDataException("tails of impossible size");
    }

    /// <summary>How alike honest clients are in the bins, as far as short samples of them tell.</summary>
    private double Spread(IReadOnlyList<(double Bin, string Client)> draws)
    {
        ClientSample[] samples = [.. draws.Where(d => d.Client.Length > 0).GroupBy(d => d.Client, StringComparer.Ordinal).Where(g => g.Count() >= LeastOfClient).OrderBy(g => StableHash.Of(g.Key)).Select(g => new ClientSample([.. g.Select(d => d.Bin)], []))];
        return samples.Length < LeastClients || draws.Count < StreamReference.MinimumValues
            ? DefaultConcentration
            : Math.Clamp(ClientSpread.Fit(StreamReference.Categorical([.. draws.Select(d => d.Bin)]), samples), 1, MostConcentration);
    }
}
