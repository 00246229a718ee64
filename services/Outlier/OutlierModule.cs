using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.Hosting;

namespace Monitoring.Outlier;

public sealed class OutlierModule : IServiceModule
{
    public string Name => "outlier";

    public void ConfigureServices(IServiceCollection services)
    {
        services.AddMonitorKind<OutlierKind>();
        services.AddMonitorKind<KnnKind>();
        services.AddMonitorKind<IsolationForestKind>();
        services.AddMonitorKind<MahalanobisKind>();
        services.AddMonitorKind<EcodKind>();
        services.AddMonitorKind<CopodKind>();
        services.AddMonitorKind<HbosKind>();
        services.AddMonitorKind<LofKind>();
        services.AddMonitorKind<PcaKind>();
        services.AddMonitorService(Family.Outlier);
    }

    public void MapEndpoints(IEndpointRouteBuilder endpoints)
    {
    }
}
