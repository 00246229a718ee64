using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Extraction;

/// <summary>One client's last distinct inputs by keyed hash: an exact repeat is no further query.</summary>
internal sealed class RecentInputs : IClientState<RecentInputs>
{
    private const int Remembered = 32;
    private readonly Queue<ulong> _recent = new(Remembered);

    public long Queries { get; private set; }

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
    }

    public static RecentInputs Read(ref CanonicalReader reader)
    {
        var client = new RecentInputs { Queries = reader.ReadCount() };
        for (var left = reader.ReadLength(8); left > 0; left--)
        {
            client._recent.Enqueue(reader.ReadUInt64());
        }

        return client;
    }
}
