using System.Buffers;
using Monitoring.Statistics;

namespace Monitoring.Detection;

/// <summary>
/// Which rows are independent draws (RUNTIME 5): the first of a client's burst, where a burst ends when the client was silent for the session gap; and no
/// exact repeat of one of the client's recent inputs. A burst that never ends gives one draw per <see cref="BurstLimit"/> gaps.
/// With a gap of zero only repeats are left out. All clients without a name count as one that has no bursts of its own: only repeats are left out.
/// State is a function of the rows seen, in order.
/// </summary>
internal sealed class DrawAdmission(TimeSpan sessionGap)
{
    /// <summary>Session gaps after which a burst that goes on gives another draw.</summary>
    public const int BurstLimit = 20;

    private const int RememberedInputs = 16;
    private static readonly long s_horizon = TimeSpan.FromHours(1).Ticks * 100;
    private readonly long _gap = sessionGap.Ticks * 100;
    private readonly SortedDictionary<string, ClientState> _clients = new(StringComparer.Ordinal);
    private long _swept;

    /// <summary>Takes the next row in log order.</summary>
    public bool Admit(in RowInfo row)
    {
        Sweep(row.TimeUnixNano);
        if (!_clients.TryGetValue(row.Client, out var client))
        {
            client = new ClientState { LastSeen = long.MinValue, LastAdmitted = long.MinValue };
            _clients.Add(row.Client, client);
        }

        if (client.LastSeen != long.MinValue && row.TimeUnixNano - client.LastSeen > s_horizon)
        {
            client.Forget();
        }

        var repeated = client.Remember(row.InputHash);
        var first = row.Client.Length == 0
            || _gap == 0
            || client.LastSeen == long.MinValue
            || row.TimeUnixNano - client.LastSeen >= _gap
            || (client.LastAdmitted != long.MinValue && row.TimeUnixNano - client.LastAdmitted >= BurstLimit * _gap);
        client.LastSeen = row.TimeUnixNano;
        if (repeated || !first)
        {
            return false;
        }

        client.LastAdmitted = row.TimeUnixNano;
        return true;
    }

    public byte[] Save()
    {
        var buffer = new ArrayBufferWriter<byte>();
        var writer = new CanonicalWriter(buffer);
        writer.WriteSigned(_swept);
        writer.WriteCount(_clients.Count);
        foreach (var (name, client) in _clients)
        {
            writer.WriteBytes(System.Text.Encoding.UTF8.GetBytes(name));
            writer.WriteSigned(client.LastSeen);
            writer.WriteSigned(client.LastAdmitted);
            client.Save(writer);
        }

        return buffer.WrittenSpan.ToArray();
    }

    public void Restore(ReadOnlySpan<byte> bytes)
    {
        var reader = new CanonicalReader(bytes);
        _swept = reader.ReadSigned();
        var count = reader.ReadCount();
        for (var i = 0L; i < count; i++)
        {
            var name = System.Text.Encoding.UTF8.GetString(reader.ReadBytes());
            var client = new ClientState { LastSeen = reader.ReadSigned(), LastAdmitted = reader.ReadSigned() };
            client.Restore(ref reader);
            _clients[name] = client;
        }

        reader.ExpectEnd();
    }

    /// <summary>Drops clients that would be forgotten anyway, at times that the log alone decides.</summary>
    private void Sweep(long now)
    {
        if (now - _swept < s_horizon)
        {
            return;
        }

        _swept = now;
        var limit = now - Math.Max(s_horizon, BurstLimit * _gap);
        foreach (var name in _clients.Where(c => c.Value.LastSeen < limit).Select(c => c.Key).ToList())
        {
            _clients.Remove(name);
        }
    }

    private sealed class ClientState
    {
        private readonly ulong[] _inputs = new ulong[RememberedInputs];
        private int _count;
        private int _next;

        public long LastSeen { get; set; }

        public long LastAdmitted { get; set; }

        public bool Remember(ulong input)
        {
            if (_inputs.AsSpan(0, _count).Contains(input))
            {
                return true;
            }

            _inputs[_next] = input;
            _next = (_next + 1) % RememberedInputs;
            _count = Math.Min(_count + 1, RememberedInputs);
            return false;
        }

        public void Forget()
        {
            _count = 0;
            _next = 0;
            Array.Clear(_inputs);
        }

        public void Save(CanonicalWriter writer)
        {
            writer.WriteCount(_count);
            writer.WriteCount(_next);
            for (var i = 0; i < _count; i++)
            {
                writer.WriteUInt64(_inputs[i]);
            }
        }

        public void Restore(ref CanonicalReader reader)
        {
            _count = (int)reader.ReadCount();
            _next = (int)reader.ReadCount();
            if (_count > RememberedInputs || _next >= RememberedInputs)
            {
                throw new InvalidDataException($"{_count} remembered inputs, at most {RememberedInputs}");
            }

            for (var i = 0; i < _count; i++)
            {
                _inputs[i] = reader.ReadUInt64();
            }
        }
    }
}
