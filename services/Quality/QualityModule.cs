using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.Hosting;

namespace Monitoring.Quality;

public sealed class QualityModule : IServiceModule
{
    public string Name => "quality";

    public void ConfigureServices(IServiceCollection services)
    {
        services.AddMonitorKind<QualityKind>();
        services.AddMonitorKind<CbpeKind>();
        services.AddMonitorKind<PerformanceKind>();
        services.AddMonitorKind<FairnessKind>();
        services.AddHostedService<FeedbackRelay>();
        services.AddMonitorService(Family.Quality);
    }

    public void MapEndpoints(IEndpointRouteBuilder endpoints)
    {
    }
}
