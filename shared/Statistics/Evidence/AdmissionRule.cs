using System.Buffers;
using System.Numerics;

namespace Monitoring.Statistics;

/// <summary>
/// One draw per client and burst, an exact repeat by the same client once (RUNTIME 5, "Dependence"). Evidence multiplies
/// factors that are fair only for independent draws: eight events of one burst are one draw, not eight (measured without this
/// rule: 143 times the budget). Events not admitted still enter the counts people see. Deterministic in the order of
/// events and log time. All clients lie side by side, in two arrays without references: of a thousand models with fifty clients each, what is known of the next event's client is not in the cache, and
/// is found in a few lines of memory.
/// </summary>
public sealed class AdmissionRule
{
    private const byte Version = 1;
    private const int None = -1;
    private const int FirstClients = 4;
    private readonly AdmissionSettings _settings;

    /// <summary>Clients; <see cref="_count"/> of them in use.</summary>
    private Client[] _clients = new Client[FirstClients];

    /// <summary>Payload hashes, a ring of <see cref="AdmissionSettings.RememberedPayloads"/> a client.</summary>
    private ulong[] _payloads;

    /// <summary>Open addressing by the client's hash: place in <see cref="_clients"/> + 1, or 0. A power of two, at most half full.</summary>
    private int[] _table = new int[2 * FirstClients];
    private int _count;

    /// <summary>Clients by their last event: oldest and newest.</summary>
    private int _oldest = None;
    private int _newest = None;

    public AdmissionRule(AdmissionSettings settings)
    {
        settings.Validate();
        _settings = settings;
        _payloads = new ulong[FirstClients * settings.RememberedPayloads];
    }

    /// <summary>Events seen.</summary>
    public long Events { get; private set; }

    /// <summary>Draws admitted.</summary>
    public long Draws { get; private set; }

    /// <summary>Exact repeats.</summary>
    public long Repeats { get; private set; }

    /// <summary>Clients forgotten because there were too many.</summary>
    public long ForgottenClients { get; private set; }

    /// <summary>Clients remembered.</summary>
    public int Clients => _count;

    /// <summary>Looks at one event.</summary>
    /// <param name="client">Hash of the client's id; one fixed number for events without a client.</param>
    /// <param name="payload">Hash of the raw payload; 0 where it is not known: never a repeat.</param>
    /// <param name="logTimeMs">Log time; monotone.</param>
    public Admission Offer(ulong client, ulong payload, long logTimeMs)
    {
        Events++;
        var at = _table[Find(client)] - 1;
        if (at < 0)
        {
            at = Remember(client);
        }
        else if (at != _newest)
        {
            Unlink(at);
            LinkNewest(at);
        }

        ref var state = ref _clients[at];
        var isNew = state.DrawMs == long.MinValue;
        var paused = isNew || logTimeMs - state.LastMs >= _settings.SessionGapMs;
        var decorrelated = _settings.AutocorrelationMs > 0 && !isNew && logTimeMs - state.DrawMs >= _settings.AutocorrelationMs;
        state.LastMs = logTimeMs;
        if (payload != 0 && SeenBefore(ref state, Ring(at), payload))
        {
            Repeats++;
            return Admission.Repeat;
        }

        if (!paused && !decorrelated)
        {
            return Admission.SameBurst;
        }

        state.DrawMs = logTimeMs;
        Draws++;
        return Admission.Draw;
    }

    /// <summary>Writes the state as canonical bytes: clients oldest first, since that order is state.</summary>
    public void Save(IBufferWriter<byte> output) => Save(new CanonicalWriter(output));

    /// <inheritdoc cref="Save(IBufferWriter{byte})"/>
    public void Save(CanonicalWriter writer)
    {
        writer.WriteByte(Version);
        writer.WriteCount(Events);
        writer.WriteCount(Draws);
        writer.WriteCount(Repeats);
        writer.WriteCount(ForgottenClients);
        writer.WriteCount(_count);
        for (var at = _oldest; at != None; at = _clients[at].Newer)
        {
            ref readonly var client = ref _clients[at];
            writer.WriteUInt64(client.Id);
            writer.WriteSigned(client.LastMs);
            writer.WriteSigned(client.DrawMs);
            writer.WriteCount(client.Payloads);
            var ring = Ring(at);
            for (var i = 0; i < client.Payloads; i++)
            {
                writer.WriteUInt64(ring[Place(client, i)]);
            }
        }
    }

    /// <summary>Replaces the state by what <see cref="Save(IBufferWriter{byte})"/> wrote.</summary>
    /// <exception cref="InvalidDataException">The bytes are malformed.</exception>
    public void Restore(ReadOnlySpan<byte> bytes)
    {
        var reader = new CanonicalReader(bytes);
        Restore(ref reader);
        reader.ExpectEnd();
    }

    /// <inheritdoc cref="Restore(ReadOnlySpan{byte})"/>
    public void Restore(ref CanonicalReader reader)
    {
        var version = reader.ReadByte();
        if (version != Version)
        {
            throw new InvalidDataException($"admission state of version {version}; this build reads version {Version}");
        }

        Events = reader.ReadCount();
        Draws = reader.ReadCount();
        Repeats = reader.ReadCount();
        ForgottenClients = reader.ReadCount();
        _count = 0;
        (_oldest, _newest) = (None, None);
        Array.Clear(_table);
        var count = reader.ReadLength(11);
        for (var i = 0; i < count; i++)
        {
            var id = reader.ReadUInt64();
            if (_table[Find(id)] != 0)
            {
                throw new InvalidDataException("a client occurs twice in an admission state");
            }

            var at = Add(id);
            ref var client = ref _clients[at];
            client.LastMs = reader.ReadSigned();
            client.DrawMs = reader.ReadSigned();
            var payloads = reader.ReadLength(sizeof(ulong));
            if (payloads > _settings.RememberedPayloads)
            {
                throw new InvalidDataException($"{payloads} payloads of a client in an admission state, at most {_settings.RememberedPayloads} are kept");
            }

            client.Payloads = payloads;
            client.Head = payloads - 1;
            for (var p = 0; p < payloads; p++)
            {
                Ring(at)[Place(client, p)] = reader.ReadUInt64();
            }
        }
    }

    private Span<ulong> Ring(int client) => _payloads.AsSpan(client * _settings.RememberedPayloads, _settings.RememberedPayloads);

    /// <summary>Where the i-th newest payload of a client stands in its ring.</summary>
    private int Place(in Client client, int i) => client.Head >= i ? client.Head - i : client.Head - i + _settings.RememberedPayloads;

    /// <summary>Makes the payload the client's newest; beyond the limit the oldest is forgotten.</summary>
    private bool SeenBefore(ref Client client, Span<ulong> ring, ulong payload)
    {
        if (ring.IsEmpty)
        {
            return false;
        }

        // Until the ring is full its payloads are the first ones.
        var found = ring[..client.Payloads].IndexOf(payload);
        if (found < 0)
        {
            client.Head = client.Head + 1 == ring.Length ? 0 : client.Head + 1;
            ring[client.Head] = payload;
            client.Payloads = Math.Min(client.Payloads + 1, ring.Length);
            return false;
        }

        var age = client.Head >= found ? client.Head - found : client.Head - found + ring.Length;
        for (var i = age; i > 0; i--)
        {
            ring[Place(client, i)] = ring[Place(client, i - 1)];
        }

        ring[client.Head] = payload;
        return true;
    }

    /// <summary>The client's entry of the table, or the empty one where it would stand.</summary>
    private int Find(ulong id)
    {
        var entry = Home(id);
        while (_table[entry] is not 0 and var place && _clients[place - 1].Id != id)
        {
            entry = (entry + 1) & (_table.Length - 1);
        }

        return entry;
    }

    private int Home(ulong id) => (int)(Mixing.Mix(id) & (ulong)(_table.Length - 1));

    private int Remember(ulong id)
    {
        if (_count >= _settings.MaxClients)
        {
            Forget(_oldest);
            ForgottenClients++;
        }

        return Add(id);
    }

    /// <summary>Adds a client that is not known, as the newest.</summary>
    private int Add(ulong id)
    {
        if (_count == _clients.Length)
        {
            Array.Resize(ref _clients, 2 * _count);
            Array.Resize(ref _payloads, 2 * _count * _settings.RememberedPayloads);
        }

        if (2 * (_count + 1) > _table.Length)
        {
            _table = new int[BitOperations.RoundUpToPowerOf2((uint)(4 * (_count + 1)))];
            for (var i = 0; i < _count; i++)
            {
                _table[Find(_clients[i].Id)] = i + 1;
            }
        }

        _clients[_count] = new Client { Id = id, LastMs = long.MinValue, DrawMs = long.MinValue, Older = None, Newer = None, Head = None };
        _table[Find(id)] = _count + 1;
        LinkNewest(_count);
        return _count++;
    }

    /// <summary>Takes a client out; the last one moves into its place.</summary>
    private void Forget(int at)
    {
        Unlink(at);
        Vacate(Find(_clients[at].Id));
        var last = --_count;
        if (at == last)
        {
            return;
        }

        _table[Find(_clients[last].Id)] = at + 1;
        Ring(last).CopyTo(Ring(at));
        _clients[at] = _clients[last];
        var (older, newer) = (_clients[at].Older, _clients[at].Newer);
        _oldest = older == None ? at : _oldest;
        _newest = newer == None ? at : _newest;
        if (older != None)
        {
            _clients[older].Newer = at;
        }

        if (newer != None)
        {
            _clients[newer].Older = at;
        }
    }

    /// <summary>Empties an entry of the table and closes the gap behind it (Knuth, The Art of Computer Programming 3, 6.4, algorithm R).</summary>
    private void Vacate(int gap)
    {
        _table[gap] = 0;
        for (var entry = (gap + 1) & (_table.Length - 1); _table[entry] is not 0 and var place; entry = (entry + 1) & (_table.Length - 1))
        {
            var home = Home(_clients[place - 1].Id);

            // It may move unless its home lies between the gap and where it stands.
            if (((entry - home) & (_table.Length - 1)) >= ((entry - gap) & (_table.Length - 1)))
            {
                _table[gap] = place;
                _table[entry] = 0;
                gap = entry;
            }
        }
    }

    private void Unlink(int at)
    {
        var (older, newer) = (_clients[at].Older, _clients[at].Newer);
        if (older == None)
        {
            _oldest = newer;
        }
        else
        {
            _clients[older].Newer = newer;
        }

        if (newer == None)
        {
            _newest = older;
        }
        else
        {
            _clients[newer].Older = older;
        }
    }

    private void LinkNewest(int at)
    {
        _clients[at].Older = _newest;
        _clients[at].Newer = None;
        if (_newest == None)
        {
            _oldest = at;
        }
        else
        {
            _clients[_newest].Newer = at;
        }

        _newest = at;
    }

    private struct Client
    {
        public ulong Id;
        public long LastMs;
        public long DrawMs;
        public int Older;
        public int Newer;

        /// <summary>Place of the newest payload.</summary>
        public int Head;
        public int Payloads;
    }
}
