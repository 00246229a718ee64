using System.Collections.Concurrent;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;
using Monitoring.Scoring;

namespace Monitoring.Explainer;

/// <summary>One explainer per model version, opened when it is first needed.</summary>
internal sealed class ModelExplainers(LoadedConfiguration configuration, ModelCatalog catalog, ScoringRuntime scoring) : IDisposable
{
    private readonly ConcurrentDictionary<(string, string), Lazy<ModelExplainer>> _open = new();

    /// <inheritdoc cref="ModelExplainer.Open"/>
    public ModelExplainer this[string model, string version] =>
        _open.GetOrAdd((model, version), key => new Lazy<ModelExplainer>(() => ModelExplainer.Open(configuration, catalog, scoring, key.Item1, key.Item2))).Value;

    public void Dispose()
    {
        foreach (var explainer in _open.Values.Where(e => e.IsValueCreated))
        {
            explainer.Value.Dispose();
        }
    }
}
