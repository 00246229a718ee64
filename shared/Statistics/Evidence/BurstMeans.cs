using System.Buffers;

namespace Monitoring.Statistics;

/// <summary>
/// The other form of "one draw per client and burst": the mean of every variable over the burst (RUNTIME 5), about half the
/// delay of taking the first event. The reference must be made of burst means too. Only for numeric variables. A burst
/// ends when its client was silent for the session gap, or lasted the autocorrelation time; its draw is handed out at
/// the first event after that, whoever sent it: deterministic in the order of events.
/// </summary>
public sealed class BurstMeans
{
    private const byte Version = 1;
    private readonly AdmissionSettings _settings;
    private readonly int _variables;
    private readonly Dictionary<ulong, LinkedListNode<Burst>> _open = [];
    private readonly LinkedList<Burst> _order = [];

    /// <param name="settings">Session gap, positive, and autocorrelation time.</param>
    /// <param name="variables">Values per event.</param>
    public BurstMeans(AdmissionSettings settings, int variables)
    {
        settings.Validate();
        ArgumentOutOfRangeException.ThrowIfLessThan(settings.SessionGapMs, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(variables, 1);
        _settings = settings;
        _variables = variables;
    }

    /// <summary>Bursts that have not ended.</summary>
    public int Open => _open.Count;

    /// <summary>Takes an event, and hands out the means of the bursts that its log time ends, in the order of their last events.</summary>
    /// <param name="client">Hash of the client's id.</param>
    /// <param name="payload">Hash of the payload; a repeat within the burst is not averaged in again. 0: not known.</param>
    /// <param name="tie">Hash of the event's id; the burst's draw has that of its first event.</param>
    /// <param name="logTimeMs">Log time; monotone.</param>
    /// <param name="values">The variables; NaN where missing.</param>
    /// <param name="draws">Called once per ended burst with its tie and its means; the span is valid during the call.</param>
    public void Offer(ulong client, ulong payload, ulong tie, long logTimeMs, ReadOnlySpan<double> values, Action<ulong, ReadOnlyMemory<double>> draws)
    {
        if (values.Length != _variables)
        {
            throw new ArgumentException($"{values.Length} values for {_variables} variables", nameof(values));
        }

        Advance(logTimeMs, draws);
        if (_open.TryGetValue(client, out var node) && _settings.AutocorrelationMs > 0 && logTimeMs - node.Value.FirstMs >= _settings.AutocorrelationMs)
        {
            Close(node, draws);
            node = null;
        }

        if (node is null)
        {
            while (_open.Count >= _settings.MaxClients)
            {
                Close(_order.First!, draws);
            }

            node = _order.AddLast(new Burst(client, tie, logTimeMs, _variables));
            _open.Add(client, node);
        }
        else
        {
            _order.Remove(node);
            _order.AddLast(node);
        }

        node.Value.Add(values, payload, logTimeMs, _settings.RememberedPayloads);
    }

    /// <summary>Ends the bursts whose client has been silent for the session gap at this log time.</summary>
    public void Advance(long logTimeMs, Action<ulong, ReadOnlyMemory<double>> draws)
    {
        while (_order.First is { } first && logTimeMs - first.Value.LastMs >= _settings.SessionGapMs)
        {
            Close(first, draws);
        }
    }

    /// <summary>Writes the open bursts as canonical bytes.</summary>
    public void Save(IBufferWriter<byte> output) => Save(new CanonicalWriter(output));

    /// <inheritdoc cref="Save(IBufferWriter{byte})"/>
    public void Save(CanonicalWriter writer)
    {
        writer.WriteByte(Version);
        writer.WriteCount(_order.Count);
        foreach (var burst in _order)
        {
            burst.Save(writer);
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
        if (reader.ReadByte() != Version)
        {
            throw new InvalidDataException("burst state of another version");
        }

        _order.Clear();
        _open.Clear();
        var count = reader.ReadLength(1);
        for (var i = 0; i < count; i++)
        {
            var burst = Burst.Read(ref reader, _variables);
            if (!_open.TryAdd(burst.Client, _order.AddLast(burst)))
            {
                throw new InvalidDataException("a client has two open bursts");
            }
        }
    }

    private void Close(LinkedListNode<Burst> node, Action<ulong, ReadOnlyMemory<double>> draws)
    {
        _order.Remove(node);
        _open.Remove(node.Value.Client);
        draws(node.Value.Tie, node.Value.Means());
    }

    private sealed class Burst(ulong client, ulong tie, long firstMs, int variables)
    {
        private readonly double[] _sums = new double[variables];
        private readonly long[] _counts = new long[variables];
        private readonly List<ulong> _payloads = [];

        public ulong Client { get; } = client;

        public ulong Tie { get; } = tie;

        public long FirstMs { get; } = firstMs;

        public long LastMs { get; private set; } = firstMs;

        public void Add(ReadOnlySpan<double> values, ulong payload, long logTimeMs, int remembered)
        {
            LastMs = logTimeMs;
            if (payload != 0 && _payloads.Contains(payload))
            {
                return;
            }

            if (payload != 0 && _payloads.Count < remembered)
            {
                _payloads.Add(payload);
            }

            for (var i = 0; i < values.Length; i++)
            {
                if (!double.IsNaN(values[i]))
                {
                    _sums[i] += values[i];
                    _counts[i]++;
                }
            }
        }

        public double[] Means() => [.. _sums.Select((sum, i) => _counts[i] == 0 ? double.NaN : sum / _counts[i])];

        public void Save(CanonicalWriter writer)
        {
            writer.WriteUInt64(Client);
            writer.WriteUInt64(Tie);
            writer.WriteSigned(FirstMs);
            writer.WriteSigned(LastMs);
            for (var i = 0; i < _sums.Length; i++)
            {
                writer.WriteDouble(_sums[i]);
                writer.WriteCount(_counts[i]);
            }

            writer.WriteCount(_payloads.Count);
            foreach (var payload in _payloads)
            {
                writer.WriteUInt64(payload);
            }
        }

        public static Burst Read(ref CanonicalReader reader, int variables)
        {
            var burst = new Burst(reader.ReadUInt64(), reader.ReadUInt64(), reader.ReadSigned(), variables) { LastMs = reader.ReadSigned() };
            for (var i = 0; i < variables; i++)
            {
                burst._sums[i] = reader.ReadDouble();
                burst._counts[i] = reader.ReadCount();
            }

            var count = reader.ReadLength(sizeof(ulong));
            for (var i = 0; i < count; i++)
            {
                burst._payloads.Add(reader.ReadUInt64());
            }

            return burst;
        }
    }
}
