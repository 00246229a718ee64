using Monitoring.Hosting;

namespace Monitoring.Alerting;

/// <summary>Findings are being read.</summary>
internal sealed class AlertingReadiness(AlertingService service) : IReadinessCheck
{
    public string Name => "alerting";

    public ValueTask<string?> CheckAsync(CancellationToken cancellationToken) => ValueTask.FromResult(service.NotReady);
}
