using Monitoring.Statistics;

namespace Monitoring.Adversarial;

/// <summary>Queries that are near copies of one another: each joined the lineage of the earlier query it shares most hashes with.</summary>
internal sealed class Lineage(int id)
{
    /// <summary>Samples and clients kept of one lineage.</summary>
    private const int Samples = 16;
    private const int MostClients = 100;

    private readonly List<string> _events = [];
    private readonly SortedDictionary<string, long> _clients = new(StringComparer.Ordinal);

    public int Id { get; } = id;

    /// <summary>Distinct near copies, the first query included; never falls, also when members are forgotten.</summary>
    public int Size { get; private set; }

    /// <summary>Members still remembered; the lineage is forgotten with the last.</summary>
    public int Remembered { get; set; }

    /// <summary>Exact repeats of members, by anyone.</summary>
    public long Repeats { get; set; }

    /// <summary>Sum of the overlaps of all links.</summary>
    public long OverlapSum { get; private set; }

    /// <summary>Input offset and log time of the first query.</summary>
    public long SinceOffset { get; private set; }

    public long SinceUnixNano { get; private set; }

    /// <summary>Queries by clients beyond the first 100, and by unattributed ones.</summary>
    public long OtherClients { get; private set; }

    /// <summary>Up to 16 members: the first eight that linked, then the newest.</summary>
    public IReadOnlyList<string> EventIds => _events;

    /// <summary>Queries by client.</summary>
    public IReadOnlyDictionary<string, long> Clients => _clients;

    public void Start(long offset, long unixNano)
    {
        Size = 1;
        SinceOffset = offset;
        SinceUnixNano = unixNano;
    }

    public void Join(int overlap, string eventId, string client)
    {
        Size++;
        OverlapSum += overlap;
        if (_events.Count == Samples)
        {
            _events.RemoveAt(Samples / 2);
        }

        _events.Add(eventId);
        if (client.Length > 0 && (_clients.Count < MostClients || _clients.ContainsKey(client)))
        {
            _clients[client] = _clients.GetValueOrDefault(client) + 1;
        }
        else
        {
            OtherClients++;
        }
    }

    public void Write(CanonicalWriter writer)
    {
        writer.WriteCount(Size);
        writer.WriteCount(Remembered);
        writer.WriteCount(Repeats);
        writer.WriteCount(OverlapSum);
        writer.WriteSigned(SinceOffset);
        writer.WriteSigned(SinceUnixNano);
        writer.WriteCount(OtherClients);
        writer.WriteCount(_events.Count);
        foreach (var id in _events)
        {
            writer.WriteBytes(System.Text.Encoding.UTF8.GetBytes(id));
        }

        writer.WriteCount(_clients.Count);
        foreach (var (client, count) in _clients)
        {
            writer.WriteBytes(System.Text.Encoding.UTF8.GetBytes(client));
            writer.WriteCount(count);
        }
    }

    public static Lineage Read(int id, ref CanonicalReader reader)
    {
        var lineage = new Lineage(id)
        {
            Size = (int)reader.ReadCount(),
            Remembered = (int)reader.ReadCount(),
            Repeats = reader.ReadCount(),
            OverlapSum = reader.ReadCount(),
            SinceOffset = reader.ReadSigned(),
            SinceUnixNano = reader.ReadSigned(),
            OtherClients = reader.ReadCount(),
        };
        for (var left = reader.ReadLength(1); left > 0; left--)
        {
            lineage._events.Add(System.Text.Encoding.UTF8.GetString(reader.ReadBytes()));
        }

        for (var left = reader.ReadLength(2); left > 0; left--)
        {
            lineage._clients[System.Text.Encoding.UTF8.GetString(reader.ReadBytes())] = reader.ReadCount();
        }

        return lineage;
    }
}
