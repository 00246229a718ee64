using System.Collections.Frozen;

namespace Monitoring.Detection;

/// <summary>All registered kinds by name. Two kinds of one name are a start-up error.</summary>
public sealed class MonitorKinds
{
    private readonly FrozenDictionary<string, IMonitorKind> _kinds;

    public MonitorKinds(IEnumerable<IMonitorKind> kinds)
    {
        var byName = new Dictionary<string, IMonitorKind>(StringComparer.Ordinal);
        foreach (var kind in kinds)
        {
            if (!byName.TryAdd(kind.Name, kind))
            {
                throw new InvalidOperationException($"monitor kind '{kind.Name}' is registered twice: {byName[kind.Name].GetType()} and {kind.GetType()}");
            }
        }

        _kinds = byName.ToFrozenDictionary(StringComparer.Ordinal);
        Names = [.. byName.Keys.Order(StringComparer.Ordinal)];
    }

    /// <summary>Sorted.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>The kind, or <see cref="KeyNotFoundException"/> with the list of the known ones.</summary>
    public IMonitorKind this[string name] =>
        _kinds.TryGetValue(name, out var kind)
            ? kind
            : throw new KeyNotFoundException($"unknown monitor kind '{name}'; known kinds: {string.Join(", ", Names)}");

    public bool TryGet(string name, out IMonitorKind kind) => _kinds.TryGetValue(name, out kind!);
}
