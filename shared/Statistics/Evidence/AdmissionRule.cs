using System.Buffers;

namespace Monitoring.Statistics;

/// <summary>
/// One draw per client and burst, an exact repeat by the same client once (RUNTIME 5, "Dependence"). Evidence multiplies
/// factors that are fair only for independent draws: eight events of one burst are one draw, not eight (measured without this
/// rule: 143 times the budget). Events not admitted still enter the counts people see. Deterministic in the order of
/// events and log time.
/// </summary>
public sealed class AdmissionRule
{
    private const byte Version = 1;
    private readonly AdmissionSettings _settings;
    private readonly Dictionary<ulong, LinkedListNode<Client>> _clients = [];

    /// <summary>Clients by their last event, oldest first.</summary>
    private readonly LinkedList<Client> _order = [];

    public AdmissionRule(AdmissionSettings settings)
    {
        settings.Validate();
        _settings = settings;
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
    public int Clients => _clients.Count;

    /// <summary>Looks at one event.</summary>
    /// <param name="client">Hash of the client's id; one fixed number for events without a client.</param>
    /// <param name="payload">Hash of the raw payload; 0 where it is not known: never a repeat.</param>
    /// <param name="logTimeMs">Log time; monotone.</param>
    public Admission Offer(ulong client, ulong payload, long logTimeMs)
    {
        Events++;
        if (!_clients.TryGetValue(client, out var node))
        {
            node = Remember(client);
        }
        else
        {
            _order.Remove(node);
            _order.AddLast(node);
        }

        var state = node.Value;
        var isNew = state.DrawMs == long.MinValue;
        var paused = isNew || logTimeMs - state.LastMs >= _settings.SessionGapMs;
        var decorrelated = _settings.AutocorrelationMs > 0 && !isNew && logTimeMs - state.DrawMs >= _settings.AutocorrelationMs;
        state.LastMs = logTimeMs;
        if (payload != 0 && state.SeenBefore(payload))
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
        writer.WriteCount(_order.Count);
        foreach (var client in _order)
        {
            client.Save(writer);
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
        _order.Clear();
        _clients.Clear();
        var count = reader.ReadLength(11);
        for (var i = 0; i < count; i++)
        {
            var client = Client.Read(ref reader, _settings.RememberedPayloads);
            if (!_clients.TryAdd(client.Id, _order.AddLast(client)))
            {
                throw new InvalidDataException("a client occurs twice in an admission state");
            }
        }
    }

    private LinkedListNode<Client> Remember(ulong client)
    {
        if (_clients.Count >= _settings.MaxClients)
        {
            _clients.Remove(_order.First!.Value.Id);
            _order.RemoveFirst();
            ForgottenClients++;
        }

        var node = _order.AddLast(new Client(client, _settings.RememberedPayloads));
        _clients.Add(client, node);
        return node;
    }

    private sealed class Client(ulong id, int remembered)
    {
        /// <summary>Payload hashes, newest first.</summary>
        private readonly List<ulong> _payloads = [];

        public ulong Id { get; } = id;

        public long LastMs { get; set; } = long.MinValue;

        public long DrawMs { get; set; } = long.MinValue;

        public bool SeenBefore(ulong payload)
        {
            var at = _payloads.IndexOf(payload);
            if (at >= 0)
            {
                _payloads.RemoveAt(at);
            }
            else if (_payloads.Count >= remembered && _payloads.Count > 0)
            {
                _payloads.RemoveAt(_payloads.Count - 1);
            }

            if (remembered > 0)
            {
                _payloads.Insert(0, payload);
            }

            return at >= 0;
        }

        public void Save(CanonicalWriter writer)
        {
            writer.WriteUInt64(Id);
            writer.WriteSigned(LastMs);
            writer.WriteSigned(DrawMs);
            writer.WriteCount(_payloads.Count);
            foreach (var payload in _payloads)
            {
                writer.WriteUInt64(payload);
            }
        }

        public static Client Read(ref CanonicalReader reader, int remembered)
        {
            var client = new Client(reader.ReadUInt64(), remembered) { LastMs = reader.ReadSigned(), DrawMs = reader.ReadSigned() };
            var count = reader.ReadLength(sizeof(ulong));
            if (count > remembered)
            {
                throw new InvalidDataException($"{count} payloads of a client in an admission state, at most {remembered} are kept");
            }

            for (var i = 0; i < count; i++)
            {
                client._payloads.Add(reader.ReadUInt64());
            }

            return client;
        }
    }
}
