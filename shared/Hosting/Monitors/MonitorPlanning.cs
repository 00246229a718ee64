using System.Collections.Concurrent;
using Monitoring.Detection;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Hosting;

/// <summary>What the groups of monitors do under one configuration; a reload makes another one.</summary>
/// <param name="configuration">The configuration.</param>
/// <param name="planner">Its monitors and budgets.</param>
/// <param name="catalog">Its models.</param>
/// <param name="fitter">Fits profiles from the reference data that it names.</param>
/// <param name="stores">Profiles of the installation.</param>
public sealed class MonitorPlanning(LoadedConfiguration configuration, MonitorPlanner planner, ModelCatalog catalog, ReferenceFitter fitter, ProfileStores stores)
{
    private readonly ConcurrentDictionary<string, Lazy<ModelDescription?>> _described = new(StringComparer.Ordinal);

    private readonly Lazy<Dictionary<string, int>> _labelled = new(() =>
        configuration.Value.Models.Where(m => planner.MonitorsOf(m).Any(x => x.Kind is ILabelledKind)).ToDictionary(m => m.Name, m => m.Shards, StringComparer.Ordinal));

    /// <summary>Whether the configuration gives a group anything to watch.</summary>
    public bool Watches(string group) => planner.Watches(group);

    /// <summary>Models with a monitor that takes true labels, and over how many shards their calls go.</summary>
    public IReadOnlyDictionary<string, int> LabelledModels => _labelled.Value;

    /// <summary>Plans a group: every watched model with its approved profile, fitted now where there is none and the configuration names reference data.</summary>
    /// <exception cref="InvalidDataException">Reference data or a model file cannot be read, or do not fit each other.</exception>
    /// <exception cref="FitException">A monitor cannot be fitted on the reference data.</exception>
    public async Task<MonitorGroupConfiguration> PlanAsync(string group, CancellationToken cancellationToken)
    {
        var approved = new Dictionary<string, string?>(StringComparer.Ordinal);
        foreach (var model in WatchedBy(group))
        {
            approved[model.Name] = await fitter.EnsureAsync(group, model, Describe(model), cancellationToken).ConfigureAwait(false);
        }

        return planner.Configure(group, Describe, (m, version) => version == m.Version ? approved[m.Name] : stores[group].Approved(m.Name, version));
    }

    /// <inheritdoc cref="ModelCatalog.Answer"/>
    public float[][]? Answer(ModelDescription model, float[] inputs, int rows) => catalog.Answer(model, inputs, rows);

    /// <summary>A number that changes when somebody approves a profile of a model that the group watches.</summary>
    public long DecisionsStamp(string group) => WatchedBy(group).Sum(m => m.Versions.Select(v => v.Version).Append(m.Version).Distinct(StringComparer.Ordinal).Sum(v => stores[group].DecisionsStamp(m.Name, v)));

    private IEnumerable<ModelConfiguration> WatchedBy(string group) =>
        configuration.Value.Models.Where(m => planner.MonitorsOf(m).Any(x => MonitorPlanner.GroupOf(x.Kind.Family) == group));

    /// <summary>A model is loaded once for all groups.</summary>
    private ModelDescription? Describe(ModelConfiguration model) => _described.GetOrAdd(model.Name, _ => new(() => catalog.Describe(model))).Value;
}
