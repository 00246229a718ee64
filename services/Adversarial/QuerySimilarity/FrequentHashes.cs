using System.Buffers;
using Monitoring.Statistics;

namespace Monitoring.Adversarial;

/// <summary>Hashes that too many inputs of the profile carry (background, borders): they say nothing about who copied whom. An open-addressing set.</summary>
internal sealed class FrequentHashes
{
    private readonly ulong[] _table;
    private readonly int _shift;

    /// <param name="hashes">The hashes; 0 is not a member.</param>
    public FrequentHashes(IReadOnlyCollection<ulong> hashes)
    {
        var bits = 4;
        while ((1L << bits) < hashes.Count * 4L)
        {
            bits++;
        }

        _shift = 64 - bits;
        _table = new ulong[1 << bits];
        foreach (var hash in hashes)
        {
            var place = (int)(hash >> _shift);
            while (_table[place] != 0 && _table[place] != hash)
            {
                place = (place + 1) & (_table.Length - 1);
            }

            _table[place] = hash;
        }

        Count = hashes.Count;
    }

    public static FrequentHashes None { get; } = new([]);

    public int Count { get; }

    public bool Contains(ulong hash)
    {
        var table = _table;
        var place = (int)(hash >> _shift);
        while (true)
        {
            var found = table[place];
            if (found == 0)
            {
                return false;
            }

            if (found == hash)
            {
                return true;
            }

            place = (place + 1) & (table.Length - 1);
        }
    }

    /// <summary>Counts in how many inputs each hash occurs and keeps those in more than <paramref name="share"/> of them, and all of <paramref name="flat"/>.</summary>
    /// <param name="fingerprinter">Hashes inputs.</param>
    /// <param name="inputs">The profile's inputs.</param>
    /// <param name="share">Share of them.</param>
    /// <param name="flat">Inputs without any content, such as sheets of one grey: what they carry says nothing, whether the profile has such or not.</param>
    public static FrequentHashes Of(Fingerprinter fingerprinter, IEnumerable<ReadOnlyMemory<float>> inputs, double share, IEnumerable<float[]>? flat = null)
    {
        var documents = new Dictionary<ulong, int>();
        var hashes = new ulong[fingerprinter.MaximumHashes];
        var count = 0;
        foreach (var input in inputs)
        {
            count++;
            var found = hashes.AsSpan(0, fingerprinter.Hash(input.Span, hashes));
            found.Sort();
            for (var i = 0; i < found.Length; i++)
            {
                if (i == 0 || found[i] != found[i - 1])
                {
                    System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(documents, found[i], out _)++;
                }
            }
        }

        var frequent = documents.Where(d => d.Value > share * count).Select(d => d.Key).ToHashSet();
        foreach (var sheet in flat ?? [])
        {
            frequent.UnionWith(hashes.AsSpan(0, fingerprinter.Hash(sheet, hashes)).ToArray());
        }

        return new([.. frequent.Where(h => h != 0).Order()]);
    }

    public void Write(CanonicalWriter writer)
    {
        writer.WriteCount(Count);
        foreach (var hash in _table.Where(h => h != 0).Order())
        {
            writer.WriteUInt64(hash);
        }
    }

    public static FrequentHashes Read(ref CanonicalReader reader)
    {
        var hashes = new ulong[reader.ReadLength(8)];
        for (var i = 0; i < hashes.Length; i++)
        {
            hashes[i] = reader.ReadUInt64();
        }

        return new(hashes);
    }
}
