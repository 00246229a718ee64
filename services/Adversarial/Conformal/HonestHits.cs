using System.Globalization;
using System.Runtime.InteropServices;
using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Adversarial;

/// <summary>
/// How often honest clients' inputs are hits, and that they come in runs: a client sends several versions of one odd input. After a miss the share of hits is a draw of every client's own from a Beta
/// with mean <see cref="Share"/> and <see cref="Concentration"/>; after a hit the next one follows with probability <see cref="AfterHit"/>.
/// </summary>
/// <param name="Share">Mean share after a miss, over honest clients.</param>
/// <param name="Concentration">a + b of the Beta: how alike honest clients are.</param>
/// <param name="AfterHit">Probability that a hit is followed by another.</param>
internal sealed record HonestHits(double Share, double Concentration, double AfterHit)
{
    /// <summary>Fewest clients, and inputs of each, that show how clients differ.</summary>
    private const int LeastClients = 6;
    private const int LeastInputs = 20;

    /// <summary>Where the reference cannot show it: clients' shares between almost none and some 10 %.</summary>
    private const double DefaultConcentration = 20;

    /// <summary>Followers that the prior on <see cref="AfterHit"/> is worth.</summary>
    private const double PriorFollowers = 20;

    /// <summary>Reads off the held-out part of the reference, client by client, pairs of inputs that followed each other.</summary>
    /// <param name="hits">Of every held-out row, in their order.</param>
    /// <param name="context">The reference.</param>
    /// <param name="options">The least that is granted to honest clients.</param>
    public static HonestHits Fit(ReadOnlySpan<bool> hits, FitContext context, ConformalOptions options)
    {
        var all = context.Reference.All;
        var held = new Dictionary<int, int>();
        for (var i = 0; i < context.Reference.CalibrationRows.Count; i++)
        {
            held.Add(context.Reference.CalibrationRows[i], i);
        }

        var clients = new SortedDictionary<string, (ClientHits Recent, int Last, long Draws, long Hits)>(StringComparer.Ordinal);
        long followers = 0, followed = 0;
        for (var row = 0; row < all.Count; row++)
        {
            var name = all.Rows[row].Client;
            if (name.Length == 0)
            {
                continue;
            }

            var client = clients.TryGetValue(name, out var known) ? known : (new ClientHits(), -1, 0, 0);
            if (!client.Recent.Admit(StableHash.Of(MemoryMarshal.AsBytes(all.Input(row)), context.Seed)))
            {
                continue;
            }

            var here = held.GetValueOrDefault(row, -1);
            if (here >= 0)
            {
                var hit = hits[here];
                if (client.Last >= 0 && hits[client.Last])
                {
                    followers++;
                    followed += hit ? 1 : 0;
                }
                else
                {
                    // Before a row that was fitted on nothing is known: most inputs are no hits.
                    client.Draws++;
                    client.Hits += hit ? 1 : 0;
                }
            }

            client.Last = here;
            clients[name] = client;
        }

        var afterHit = Math.Max(options.HonestRun, ((PriorFollowers * options.HonestRun) + followed) / (PriorFollowers + followers));
        var counted = clients.Values.Where(c => c.Draws >= LeastInputs).ToArray();
        if (counted.Length < LeastClients)
        {
            context.Warn($"the reference names {counted.Length} clients with {LeastInputs} held-out inputs or more, {LeastClients} are needed to see how honest clients differ: honest clients that send inputs of another kind than the reference may alarm");
            return new HonestHits(options.HonestShare, DefaultConcentration, afterHit);
        }

        var (a, b) = BetaBinomialEvidence.Fit([.. counted.Select(c => c.Hits)], [.. counted.Select(c => c.Draws)]);
        var share = Math.Max(options.HonestShare, a / (a + b));
        if (share > 0.1)
        {
            context.Warn(string.Create(CultureInfo.InvariantCulture, $"honest clients' inputs are hits {share:P0} of the time: attacks are seen late"));
        }

        return new HonestHits(share, Math.Clamp(a + b, 2, DefaultConcentration), afterHit);
    }

    public void Write(CanonicalWriter writer)
    {
        writer.WriteDouble(Share);
        writer.WriteDouble(Concentration);
        writer.WriteDouble(AfterHit);
    }

    public static HonestHits Read(ref CanonicalReader reader) => new(reader.ReadDouble(), reader.ReadDouble(), reader.ReadDouble());
}
