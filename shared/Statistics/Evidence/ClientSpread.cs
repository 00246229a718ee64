namespace Monitoring.Statistics;

/// <summary>
/// Honest clients differ (RUNTIME 6): "this client equals the pool" is false for them, and an urn of M = n reference draws calls
/// nearly all of them attackers (286 of 300, tried). A client's urn gets the concentration s that fits the spread
/// between honest clients, and the level a factor measured on honest clients that the fit has not seen.
/// </summary>
public static class ClientSpread
{
    private const double LeastConcentration = 1;
    private const double MostConcentration = 1e6;

    /// <summary>
    /// The concentration s: greatest Dirichlet-multinomial likelihood of the clients' bin counts with mean m/M, for each
    /// partition by golden section over ln s in [0, ln 10⁶]; the smallest of them. A client's slots share s but have urns of their own.
    /// </summary>
    /// <param name="reference">The pool's reference.</param>
    /// <param name="clients">Honest clients, at least two with two draws.</param>
    public static double Fit(StreamReference reference, IReadOnlyList<ClientSample> clients)
    {
        if (clients.Count(c => c.Values.Length >= 2) < 2)
        {
            throw new ArgumentException("at least two clients with two draws are needed to see how clients differ", nameof(clients));
        }

        var least = MostConcentration;
        foreach (var partition in reference.Partitions)
        {
            var urns = new List<(double[] Counts, int Slot)>();
            foreach (var client in clients)
            {
                var bySlot = new SortedDictionary<int, double[]>();
                for (var i = 0; i < client.Values.Length; i++)
                {
                    var slot = client.Slots.Length == 0 ? 0 : client.Slots[i];
                    if (reference.Covers(slot) && !double.IsNaN(client.Values[i]))
                    {
                        if (!bySlot.TryGetValue(slot, out var counts))
                        {
                            bySlot.Add(slot, counts = new double[partition.Bins]);
                        }

                        counts[partition.BinOf(client.Values[i] + 0.0, Mixing.Mix((ulong)i), slot)]++;
                    }
                }

                urns.AddRange(bySlot.Select(s => (s.Value, s.Key)));
            }

            least = Math.Min(least, Maximise(s => urns.Sum(u => LogLikelihood(u.Counts, partition.Mass(u.Slot), partition.Total(u.Slot), s))));
        }

        return least;
    }

    /// <summary>
    /// Factor κ ≥ 1 on the level so that held-out honest clients keep the budget. A calm client's SR after T units of time has
    /// P(max SR/T ≥ x) ≤ 1/x; κ is the smallest factor with which the held-out clients' survival function stays below κ/x
    /// everywhere, so it carries their misfit along the same tail to levels that no finite number of clients reaches.
    /// </summary>
    /// <param name="reference">The pool's reference.</param>
    /// <param name="options">Options with the fitted concentration.</param>
    /// <param name="heldOut">Honest clients that the fit has not seen.</param>
    public static double LevelFactor(StreamReference reference, EvidenceOptions options, IReadOnlyList<ClientSample> heldOut) =>
        LevelFactor([.. heldOut.Select(client =>
        {
            var bank = new EvidenceBank(reference, options);
            var greatest = 0.0;
            for (var i = 0; i < client.Values.Length; i++)
            {
                bank.Update(client.Values[i], (ulong)i, client.Slots.Length == 0 ? 0 : client.Slots[i], 1, i);
                greatest = Math.Max(greatest, bank.Value);
            }

            return greatest / Math.Max(1, client.Values.Length);
        })]);

    /// <summary>The same from each held-out client's greatest SR divided by its length in the same unit of time.</summary>
    public static double LevelFactor(ReadOnlySpan<double> greatest)
    {
        var sorted = greatest.ToArray();
        Array.Sort(sorted);
        var factor = 1.0;
        for (var i = 0; i < sorted.Length; i++)
        {
            factor = Math.Max(factor, sorted[i] * (sorted.Length - i) / sorted.Length);
        }

        return factor;
    }

    /// <summary>ln P(counts) of an urn with parameters s·m/M, without the multinomial coefficient, which does not depend on s.</summary>
    private static double LogLikelihood(double[] counts, ReadOnlySpan<double> mass, double total, double s)
    {
        var sum = 0.0;
        var n = 0.0;
        for (var bin = 0; bin < counts.Length; bin++)
        {
            if (counts[bin] > 0)
            {
                var a = s * mass[bin] / total;
                sum += SpecialFunctions.LogGamma(a + counts[bin]) - SpecialFunctions.LogGamma(a);
                n += counts[bin];
            }
        }

        return sum + SpecialFunctions.LogGamma(s) - SpecialFunctions.LogGamma(s + n);
    }

    private static double Maximise(Func<double, double> likelihood)
    {
        var ratio = (Math.Sqrt(5) - 1) / 2;
        double low = Math.Log(LeastConcentration), high = Math.Log(MostConcentration);
        var a = high - (ratio * (high - low));
        var b = low + (ratio * (high - low));
        var atA = likelihood(Math.Exp(a));
        var atB = likelihood(Math.Exp(b));
        while (high - low > 1e-3)
        {
            if (atA > atB)
            {
                (high, b, atB) = (b, a, atA);
                a = high - (ratio * (high - low));
                atA = likelihood(Math.Exp(a));
            }
            else
            {
                (low, a, atA) = (a, b, atB);
                b = low + (ratio * (high - low));
                atB = likelihood(Math.Exp(b));
            }
        }

        return Math.Exp(0.5 * (low + high));
    }
}
