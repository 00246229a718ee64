using System.Collections.Frozen;
using Monitoring.Contracts;
using Action = Monitoring.Contracts.Action;

namespace Monitoring.Hosting;

/// <summary>The newest authentic decision under every id, as of one moment. Immutable.</summary>
public sealed class ControlSet
{
    private readonly FrozenDictionary<string, Control[]> _byClient;
    private readonly Control[] _everyone;

    internal ControlSet(IReadOnlyDictionary<string, Control> byId)
    {
        ById = byId;
        _byClient = byId.Values.Where(c => !c.Revoked)
            .GroupBy(c => c.Client, StringComparer.Ordinal)
            .ToFrozenDictionary(g => g.Key, g => g.OrderBy(c => c.Id, StringComparer.Ordinal).ToArray(), StringComparer.Ordinal);
        _everyone = [.. _byClient.GetValueOrDefault("", []).Where(c => c.Action == Action.Route && c.Model.Length > 0)];
    }

    public static ControlSet Empty { get; } = new(new Dictionary<string, Control>());

    /// <summary>All, the lifted and the expired too.</summary>
    public IReadOnlyDictionary<string, Control> ById { get; }

    /// <summary>Whether no client has a decision.</summary>
    public bool IsEmpty => _byClient.Count == 0;

    /// <summary>Routes of a model's whole traffic, whoever calls: nothing else is done to everybody.</summary>
    public ReadOnlySpan<Control> Everyone => _everyone;

    /// <summary>Decisions about a client that were not lifted, in the order of their ids; whether they have expired is the caller's to see.</summary>
    /// <param name="client">Sealed id.</param>
    public ReadOnlySpan<Control> Of(string client) => _byClient.GetValueOrDefault(client);
}
