using System.Buffers;
using System.Globalization;
using Monitoring.Statistics;

namespace Monitoring.Detection;

/// <summary>
/// State per client with a bound: beyond <paramref name="capacity"/> clients the one that was silent longest is forgotten and counted. A forgotten client
/// starts again from nothing: whoever is slower than all others by that many clients is watched by no per-client monitor.
/// </summary>
/// <param name="capacity">Clients remembered at once.</param>
/// <param name="kept">States that are never forgotten for want of room, fewer by far than <paramref name="capacity"/>; null where silence alone decides.</param>
/// <typeparam name="TState">State of one client; a new one is what an unknown client has.</typeparam>
public sealed class ClientTable<TState>(int capacity, Func<TState, bool>? kept = null) : IMonitorState
    where TState : class, IClientState<TState>, new()
{
    private const string HeaderKey = "";
    private const string Prefix = "c/";

    private readonly Dictionary<string, LinkedListNode<Entry>> _clients = new(StringComparer.Ordinal);
    private readonly LinkedList<Entry> _byUse = [];
    private readonly SortedSet<string> _dirty = new(StringComparer.Ordinal);
    private long _uses;
    private bool _unordered;

    /// <summary>Clients remembered now.</summary>
    public int Count => _clients.Count;

    /// <summary>Times that any client was touched.</summary>
    public long Uses => _uses;

    /// <summary>Clients forgotten for want of room.</summary>
    public long Forgotten { get; private set; }

    /// <summary>The client's state, new for an unknown client; counts as used and changed.</summary>
    public TState Touch(string client)
    {
        Order();
        _uses++;
        _dirty.Add(client);
        if (_clients.TryGetValue(client, out var node))
        {
            node.Value = node.Value with { LastUse = _uses };
            _byUse.Remove(node);
            _byUse.AddLast(node);
            return node.Value.State;
        }

        if (_clients.Count >= capacity)
        {
            var coldest = _byUse.First!;
            while (kept?.Invoke(coldest.Value.State) == true && coldest.Next is { } next)
            {
                coldest = next;
            }

            _byUse.Remove(coldest);
            _clients.Remove(coldest.Value.Client);
            _dirty.Add(coldest.Value.Client);
            Forgotten++;
        }

        var state = new TState();
        _clients.Add(client, _byUse.AddLast(new Entry(client, state, _uses)));
        return state;
    }

    /// <summary>The client's state, or null; does not count as use.</summary>
    public TState? Find(string client) => _clients.TryGetValue(client, out var node) ? node.Value.State : null;

    /// <summary>What a known client's state held was forgotten for want of room, though not the client: counted, and saved with the next checkpoint.</summary>
    public void MarkForgotten(string client)
    {
        _dirty.Add(client);
        Forgotten++;
    }

    public void TakeDirtyKeys(ICollection<string> keys)
    {
        if (_dirty.Count == 0)
        {
            return;
        }

        keys.Add(HeaderKey);
        foreach (var client in _dirty)
        {
            keys.Add(Prefix + client);
        }

        _dirty.Clear();
    }

    public bool Save(string key, IBufferWriter<byte> output)
    {
        var writer = new CanonicalWriter(output);
        if (key.Length == 0)
        {
            writer.WriteCount(_uses);
            writer.WriteCount(Forgotten);
            return true;
        }

        if (!_clients.TryGetValue(key[Prefix.Length..], out var node))
        {
            return false;
        }

        writer.WriteCount(node.Value.LastUse);
        node.Value.State.Write(writer);
        return true;
    }

    public void Restore(string key, ReadOnlySpan<byte> value)
    {
        var reader = new CanonicalReader(value);
        if (key.Length == 0)
        {
            _uses = reader.ReadCount();
            Forgotten = reader.ReadCount();
        }
        else if (key.StartsWith(Prefix, StringComparison.Ordinal))
        {
            var client = key[Prefix.Length..];
            var lastUse = reader.ReadCount();
            _clients[client] = new LinkedListNode<Entry>(new Entry(client, TState.Read(ref reader), lastUse));
            _unordered = true;
        }
        else
        {
            throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"unknown key '{key}' of a table of clients"));
        }

        reader.ExpectEnd();
    }

    private void Order()
    {
        if (!_unordered)
        {
            return;
        }

        _unordered = false;
        foreach (var node in _clients.Values.OrderBy(n => n.Value.LastUse))
        {
            _byUse.AddLast(node);
        }
    }

    private sealed record Entry(string Client, TState State, long LastUse);
}
