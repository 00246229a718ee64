using Microsoft.Extensions.Logging;
using Monitoring.Detection;
using Monitoring.Hosting.Configuration;
using Monitoring.Scoring;

namespace Monitoring.Hosting;

/// <summary>
/// Monitors take another configuration while they run: profiles that are missing are fitted first, then every group switches at a checkpoint (RUNTIME 4). Other receivers or routes split the budget in another way; evidence stays, the level that it is held against moves.
/// </summary>
internal sealed class ReloadableMonitors(
    CurrentPlanning current,
    IEnumerable<MonitorGroupService> groups,
    MonitorKinds kinds,
    ProfileStores stores,
    ScoringRuntime scoring,
    ILogger<ReferenceFitter> logger) : IReloadable
{
    public IReadOnlyList<string> Keys { get; } =
        [.. ((string[])["monitors", "reference", "referenceLabels", "autoApprove", "expected", "tolerance", "learningDraws", "sessionGap", "objective"]).Select(k => "models[]." + k), "models[]", "receivers", "routes"];

    public async ValueTask<IReloadStep> PrepareAsync(LoadedConfiguration next, CancellationToken cancellationToken)
    {
        var planner = new MonitorPlanner(next, kinds);
        var catalog = new ModelCatalog(next, scoring);
        var planning = new MonitorPlanning(next, planner, catalog, new ReferenceFitter(next, catalog, planner, kinds, stores, logger), stores);
        var plans = new List<(MonitorGroupService Service, MonitorGroupConfiguration Plan)>();
        try
        {
            foreach (var group in groups)
            {
                plans.Add((group, await planning.PlanAsync(group.Group, cancellationToken).ConfigureAwait(false)));
            }
        }
        catch (Exception e) when (e is InvalidDataException or FitException or ScoringException or IOException or UnauthorizedAccessException)
        {
            throw new ReloadRefusedException(e.Message);
        }

        return new Step(() =>
        {
            current.Value = planning;
            plans.ForEach(p => p.Service.Switch(p.Plan));
        });
    }

    private sealed class Step(Action commit) : IReloadStep
    {
        public void Commit() => commit();

        public void Abandon()
        {
        }
    }
}
