using Monitoring.Detection;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Inference;

/// <summary>A configured model: its versions that can be called, its schema, and who may be its clients.</summary>
internal sealed class ServedModel
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, ModelVersion> _versions = new(StringComparer.Ordinal);
    private Settings _settings;
    private long _sequence;

    public ServedModel(ModelConfiguration configuration, ModelSchema? schema, ClientIdentity clients)
    {
        Name = configuration.Name;
        _settings = new Settings(configuration, schema, clients);
    }

    public string Name { get; }

    public ModelConfiguration Configuration => Volatile.Read(ref _settings).Configuration;

    public ModelSchema? Schema => Volatile.Read(ref _settings).Schema;

    public ClientIdentity Clients => Volatile.Read(ref _settings).Clients;

    public ModelStatistics Statistics { get; } = new();

    /// <summary>Versions that can be called, the current one first.</summary>
    public IReadOnlyList<string> Versions
    {
        get
        {
            lock (_gate)
            {
                return [.. _versions.Keys.OrderBy(v => v == Configuration.Version ? 0 : 1).ThenBy(v => v, StringComparer.Ordinal)];
            }
        }
    }

    /// <summary>Next sequence number of the model's events: from 1, without gaps.</summary>
    public ulong NextSequence() => (ulong)Interlocked.Increment(ref _sequence);

    /// <summary>Begins a call of a version (the current one where none is named); the caller ends it with <see cref="ModelVersion.Exit"/>.</summary>
    /// <exception cref="ProtocolException">404: no such version, or the model is not served here.</exception>
    public ModelVersion Enter(string? version)
    {
        while (true)
        {
            ModelVersion? found;
            lock (_gate)
            {
                if (!_versions.TryGetValue(version ?? Configuration.Version, out found))
                {
                    throw new ProtocolException(404, _versions.Count == 0
                        ? $"model '{Name}' is not served here"
                        : $"model '{Name}' has no version '{version ?? Configuration.Version}'; its versions are {string.Join(", ", _versions.Keys.Order(StringComparer.Ordinal))}");
                }
            }

            // Retired between the two steps: a reload has put the next one in its place.
            if (found.TryEnter())
            {
                return found;
            }
        }
    }

    /// <summary>Begins a call of a version by name, or of the declared fallback; null where there is none.</summary>
    public ModelVersion? TryEnter(string target)
    {
        // A fallback that is an address is kept under its own name.
        var name = target == ControlTargets.Fallback && Configuration.Fallback is { } fallback && !UpstreamVersion.IsAddress(fallback) ? fallback : target;
        while (true)
        {
            ModelVersion? found;
            lock (_gate)
            {
                if (!_versions.TryGetValue(name, out found))
                {
                    return null;
                }
            }

            if (found.TryEnter())
            {
                return found;
            }
        }
    }

    /// <summary>Puts versions in place of the present ones, which finish their calls.</summary>
    public void Replace(IEnumerable<ModelVersion> versions) => Switch(Volatile.Read(ref _settings), versions);

    /// <summary>Takes another configuration with its versions; numbering and counts go on.</summary>
    public void Switch(ModelConfiguration configuration, ModelSchema? schema, ClientIdentity clients, IEnumerable<ModelVersion> versions) =>
        Switch(new Settings(configuration, schema, clients), versions);

    /// <summary>Takes another configuration that asks for the versions there are.</summary>
    public void Switch(ModelConfiguration configuration, ModelSchema? schema, ClientIdentity clients) =>
        Volatile.Write(ref _settings, new Settings(configuration, schema, clients));

    private void Switch(Settings settings, IEnumerable<ModelVersion> versions)
    {
        List<ModelVersion> old;
        lock (_gate)
        {
            old = [.. _versions.Values];
            _versions.Clear();
            foreach (var version in versions)
            {
                _versions.Add(version.Version, version);
            }

            Volatile.Write(ref _settings, settings);
        }

        old.ForEach(v => v.Retire());
    }

    private sealed record Settings(ModelConfiguration Configuration, ModelSchema? Schema, ClientIdentity Clients);
}
