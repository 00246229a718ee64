namespace Monitoring.Adversarial;

/// <summary>Turns an input into keyed 64-bit hashes that near copies share. Pure and thread-safe.</summary>
internal abstract class Fingerprinter
{
    /// <summary>Hashes kept of one input.</summary>
    public const int Kept = 50;

    /// <summary>Most hashes that <see cref="Hash"/> writes.</summary>
    public abstract int MaximumHashes { get; }

    /// <summary>Writes all hashes of an input, in any order, duplicates allowed; returns how many. Values that are not finite count as the lowest.</summary>
    /// <param name="row">The input, as wide as the fingerprinter was made for.</param>
    /// <param name="hashes">At least <see cref="MaximumHashes"/> long.</param>
    public abstract int Hash(ReadOnlySpan<float> row, Span<ulong> hashes);

    /// <summary>
    /// The fingerprint: the <see cref="Kept"/> largest distinct hashes that are not <paramref name="frequent"/>, in descending order.
    /// </summary>
    /// <returns>How many were written to <paramref name="fingerprint"/>.</returns>
    public int Fingerprint(ReadOnlySpan<float> row, FrequentHashes frequent, Span<ulong> fingerprint)
    {
        Span<ulong> all = MaximumHashes <= 1024 ? stackalloc ulong[MaximumHashes] : new ulong[MaximumHashes];
        var count = Hash(row, all);
        var rare = 0;
        for (var i = 0; i < count; i++)
        {
            if (!frequent.Contains(all[i]))
            {
                all[rare++] = all[i];
            }
        }

        all = all[..rare];
        all.Sort();
        var kept = 0;
        for (var i = all.Length - 1; i >= 0 && kept < Kept; i--)
        {
            if (i == all.Length - 1 || all[i] != all[i + 1])
            {
                fingerprint[kept++] = all[i];
            }
        }

        return kept;
    }
}
