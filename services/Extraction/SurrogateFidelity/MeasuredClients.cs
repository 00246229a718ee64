using System.Buffers;
using Monitoring.Detection;

namespace Monitoring.Extraction;

/// <summary>
/// Who is measured: the clients that ask most. Everybody's distinct queries are counted (of the last <see cref="Counted"/> clients), so many as there are places are measured, and none of those is forgotten for being silent. When all places
/// are taken, one is given up only to a client that has asked more than twice as much: many new names that ask little displace nobody.
/// </summary>
/// <param name="places">Clients measured at once.</param>
/// <param name="start">What a client is measured by from the moment that it has a place.</param>
internal sealed class MeasuredClients(int places, Func<RidgeSums> start) : IMonitorState
{
    /// <summary>Clients whose queries are counted.</summary>
    public const int Counted = 10_000;

    private const string Prefix = "c/";

    private readonly ClientTable<FidelityClient> _clients = new(Math.Max(Counted, 2 * places), kept: c => c.IsMeasured);
    private readonly SortedSet<string> _measured = new(StringComparer.Ordinal);

    /// <summary>No measured client weighs less, as of the epoch.</summary>
    private (long Weight, long Epoch) _least;

    /// <summary>Measured clients that gave up their place, and counted ones that were forgotten.</summary>
    public long Forgotten => _clients.Forgotten;

    /// <summary>Clients measured now.</summary>
    public int Measured => _measured.Count;

    /// <summary>The client after a distinct query of it, measured if there is a place for it; null after a repeat.</summary>
    /// <param name="name">The client.</param>
    /// <param name="input">Keyed hash of its input.</param>
    public FidelityClient? Take(string name, ulong input)
    {
        var client = _clients.Touch(name);
        if (!client.Recent.Admit(input))
        {
            return null;
        }

        var epoch = _clients.Uses / FidelityClient.EpochLength;
        client.Weigh(epoch);
        if (!client.IsMeasured && HasRoom(client.Weight, epoch))
        {
            client.OnInputs = start();
            _measured.Add(name);
        }

        return client;
    }

    public FidelityClient? Find(string client) => _clients.Find(client);

    public void TakeDirtyKeys(ICollection<string> keys) => _clients.TakeDirtyKeys(keys);

    public bool Save(string key, IBufferWriter<byte> output) => _clients.Save(key, output);

    public void Restore(string key, ReadOnlySpan<byte> value)
    {
        _clients.Restore(key, value);
        if (key.StartsWith(Prefix, StringComparison.Ordinal) && _clients.Find(key[Prefix.Length..]) is { IsMeasured: true })
        {
            _measured.Add(key[Prefix.Length..]);
        }
    }

    /// <summary>Whether there is a place, or whoever asked least gives up its own.</summary>
    private bool HasRoom(long weight, long epoch)
    {
        if (_measured.Count < places)
        {
            _least = default;
            return true;
        }

        // Weights only grow within an epoch, and all of them halve with the next.
        if (weight <= 2 * (_least.Weight >> (int)Math.Min(62, epoch - _least.Epoch)))
        {
            return false;
        }

        var least = _measured.MinBy(name => _clients.Find(name)!.WeightIn(epoch))!;
        var client = _clients.Find(least)!;
        _least = (client.WeightIn(epoch), epoch);
        if (weight <= 2 * _least.Weight)
        {
            return false;
        }

        client.Displace();
        _clients.MarkForgotten(least);
        _measured.Remove(least);
        return true;
    }
}
