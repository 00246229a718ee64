using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Monitoring.Alerting.Api;
using Monitoring.Alerting.Delivery;
using Monitoring.Alerting.Evidence;
using Monitoring.Alerting.Incidents;
using Monitoring.Alerting.Pipeline;
using Monitoring.Alerting.Receivers.PagerDuty;
using Monitoring.Alerting.Responses;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;
using Monitoring.Storage;

namespace Monitoring.Alerting;

/// <summary>Findings become incidents, incidents become messages.</summary>
public sealed class AlertingModule : IServiceModule
{
    public string Name => "alerting";

    public void ConfigureServices(IServiceCollection services)
    {
        services.AddIncidents();
        services.AddSingleton(provider => new AlertingSettings(
            provider.GetRequiredService<LoadedConfiguration>().Value,
            // One process owns a SQLite file: what is on its way there is its own. On a shared database only the lease tells.
            provider.GetRequiredService<MonitoringDatabase>().IsShared ? Guid.NewGuid().ToString("N") : "local"));
        services.AddSingleton<AlertingMetrics>();
        services.AddSingleton<IncidentKeeper>();
        services.AddSingleton<IIncidentRanges, IncidentRanges>();
        services.AddSingleton<DailyDigest>();
        services.AddSingleton<DatabaseRetention>();
        services.AddSingleton<EvidencePinner>();
        services.AddSingleton<TrafficWatch>();
        services.AddSingleton<ReceiverTest>();
        services.AddSingleton<AlertStages>();
        services.AddSingleton<FindingInjector>();
        services.AddControls();
        services.AddSingleton<ResponseDesk>();
        services.AddSingleton<IResponses>(provider => provider.GetRequiredService<ResponseDesk>());
        services.AddSingleton<ResponsePolicies>();
        services.AddSingleton<AlertingService>();
        services.AddSingleton<IReloadable, ReloadableAlerting>();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IReadinessCheck, AlertingReadiness>());
        services.AddHostedService(provider => provider.GetRequiredService<AlertingService>());
    }

    public void MapEndpoints(IEndpointRouteBuilder endpoints)
    {
        endpoints.MapIncidents();
        endpoints.MapResponses();
        endpoints.MapPagerDutyReplies();
    }
}
