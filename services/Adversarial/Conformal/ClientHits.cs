using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Adversarial;

/// <summary>One client's recent inputs (exact repeats count once), its counts for people, and its hits by score.</summary>
internal sealed class ClientHits : IClientState<ClientHits>
{
    private const int Remembered = 16;
    private readonly Queue<ulong> _recent = new(Remembered);

    public long Queries { get; private set; }

    public long Hits { get; set; }

    /// <summary>What is known of the client by score; empty before its first input.</summary>
    public HitChain[] Chains { get; set; } = [];

    /// <summary>False for an exact repeat of one of the last 16 distinct inputs.</summary>
    public bool Admit(ulong inputHash)
    {
        if (_recent.Contains(inputHash))
        {
            return false;
        }

        if (_recent.Count == Remembered)
        {
            _recent.Dequeue();
        }

        _recent.Enqueue(inputHash);
        Queries++;
        return true;
    }

    public void Write(CanonicalWriter writer)
    {
        writer.WriteCount(Queries);
        writer.WriteCount(Hits);
        writer.WriteCount(_recent.Count);
        foreach (var hash in _recent)
        {
            writer.WriteUInt64(hash);
        }

        writer.WriteCount(Chains.Length);
        foreach (var chain in Chains)
        {
            chain.Write(writer);
        }
    }

    public static ClientHits Read(ref CanonicalReader reader)
    {
        var client = new ClientHits { Queries = reader.ReadCount(), Hits = reader.ReadCount() };
        for (var left = reader.ReadLength(8); left > 0; left--)
        {
            client._recent.Enqueue(reader.ReadUInt64());
        }

        client.Chains = new HitChain[reader.ReadLength(5)];
        for (var i = 0; i < client.Chains.Length; i++)
        {
            client.Chains[i] = HitChain.Read(ref reader);
        }

        return client;
    }
}
