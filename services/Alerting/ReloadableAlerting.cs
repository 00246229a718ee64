using Monitoring.Alerting.Delivery;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Alerting;

/// <summary>
/// Receivers, routes and policies change while the service runs (docs/adr/0082): the ways out of the new configuration are made first, then all switches at once. What waits for a
/// receiver that changed goes out as it is configured now, what is on its way is finished as it was; what waits for one that was removed is still sent.
/// </summary>
internal sealed class ReloadableAlerting(AlertingService service) : IReloadable
{
    public IReadOnlyList<string> Keys { get; } =
    [
        "receivers", "routes", "responses", "alerting.resolveAfter", "alerting.staleAfter", "alerting.digestAt", "alerting.stormModels", "alerting.stormWindow", "alerting.revealClients",
        "models[].expected", "models[].owner",
    ];

    public async ValueTask<IReloadStep> PrepareAsync(LoadedConfiguration next, CancellationToken cancellationToken)
    {
        try
        {
            return new Step(service, await service.PrepareAsync(next.Value, cancellationToken).ConfigureAwait(false), next.Value);
        }
        catch (InvalidOperationException e)
        {
            throw new ReloadRefusedException(e.Message, e);
        }
    }

    private sealed class Step(AlertingService service, IReadOnlyList<ReceiverLane> lanes, MonitoringConfiguration next) : IReloadStep
    {
        public void Commit() => service.Switch(lanes, next);

        public void Abandon() => service.Abandon(lanes);
    }
}
