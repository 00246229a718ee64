using System.Text;
using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Extraction;

/// <summary>One client's, or one cohort's, last distinct inputs by keyed hash: an exact repeat is no further query.</summary>
internal sealed class RecentInputs : IClientState<RecentInputs>
{
    private const int Remembered = 32;
    private const int MostAccounts = 64;
    private readonly Queue<ulong> _recent = new(Remembered);
    private readonly SortedSet<string> _accounts = new(StringComparer.Ordinal);

    /// <summary>Of a cohort: its accounts, the first 64; empty for a client.</summary>
    public IReadOnlyCollection<string> Accounts => _accounts;

    public long Queries { get; private set; }

    /// <summary>Counts an account of the cohort; returns how many there are.</summary>
    public int Join(string account)
    {
        if (_accounts.Count < MostAccounts)
        {
            _accounts.Add(account);
        }

        return _accounts.Count;
    }

    /// <summary>False for an exact repeat of one of the last distinct inputs.</summary>
    public bool Admit(ulong hash)
    {
        if (_recent.Contains(hash))
        {
            return false;
        }

        if (_recent.Count == Remembered)
        {
            _recent.Dequeue();
        }

        _recent.Enqueue(hash);
        Queries++;
        return true;
    }

    public void Write(CanonicalWriter writer)
    {
        writer.WriteCount(Queries);
        writer.WriteCount(_recent.Count);
        foreach (var hash in _recent)
        {
            writer.WriteUInt64(hash);
        }

        writer.WriteCount(_accounts.Count);
        foreach (var account in _accounts)
        {
            writer.WriteBytes(Encoding.UTF8.GetBytes(account));
        }
    }

    public static RecentInputs Read(ref CanonicalReader reader)
    {
        var client = new RecentInputs { Queries = reader.ReadCount() };
        for (var left = reader.ReadLength(8); left > 0; left--)
        {
            client._recent.Enqueue(reader.ReadUInt64());
        }

        for (var left = reader.ReadLength(1); left > 0; left--)
        {
            client._accounts.Add(Encoding.UTF8.GetString(reader.ReadBytes()));
        }

        return client;
    }
}
