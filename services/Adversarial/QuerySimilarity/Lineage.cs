using Monitoring.Statistics;

namespace Monitoring.Adversarial;

/// <summary>Queries that are near copies of one another: each joined the lineage of the earlier query it shares most hashes with.</summary>
internal sealed class Lineage(int id)
{
    /// <summary>Samples and clients kept of one lineage.</summary>
    private const int Samples = 16;
    private const int MostClients = 100;

    /// <summary>What a stranger's late copy takes back of <see cref="Counted"/>.</summary>
    private const int TakenBack = 3;

    private readonly List<string> _events = [];
    private readonly SortedDictionary<string, long> _clients = new(StringComparer.Ordinal);

    public int Id { get; } = id;

    /// <summary>Distinct near copies, the first query included; never falls, also when members are forgotten.</summary>
    public int Size { get; private set; }

    /// <summary>
    /// Near copies that are evidence, the first query included: those that came soon after another or from a client already known here. A client that was never seen here and comes late is how an input that many people
    /// have comes back, by and by, without anybody searching: it takes back three.
    /// </summary>
    public int Counted { get; private set; }

    /// <summary>Number among the fresh queries of the newest member.</summary>
    public long Newest { get; private set; }

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

    /// <param name="offset">Input offset of the first query.</param>
    /// <param name="unixNano">Its log time.</param>
    /// <param name="sequence">Its number among the fresh queries.</param>
    public void Start(long offset, long unixNano, long sequence)
    {
        Size = 1;
        Counted = 1;
        Newest = sequence;
        SinceOffset = offset;
        SinceUnixNano = unixNano;
    }

    /// <param name="overlap">Shared hashes.</param>
    /// <param name="eventId">The event.</param>
    /// <param name="client">Who sent it; empty where nobody is named.</param>
    /// <param name="sequence">Its number among the fresh queries.</param>
    /// <param name="soon">Fresh queries since the newest member up to which a stranger's copy counts.</param>
    public void Join(int overlap, string eventId, string client, long sequence, long soon)
    {
        Size++;
        var known = client.Length > 0 && _clients.ContainsKey(client);
        known |= OtherClients > 0 && (client.Length == 0 || _clients.Count == MostClients);
        Counted = known || sequence - Newest <= soon ? Counted + 1 : Math.Max(1, Counted - TakenBack);
        Newest = sequence;
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
        writer.WriteCount(Counted);
        writer.WriteCount(Newest);
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
            Counted = (int)reader.ReadCount(),
            Newest = reader.ReadCount(),
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
