using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.Hosting;

namespace Monitoring.Extraction;

public sealed class ExtractionModule : IServiceModule
{
    public string Name => "extraction";

    public void ConfigureServices(IServiceCollection services)
    {
        services.AddMonitorService(Family.Extraction);
        services.AddMonitorKind<QueryPatternKind>();
        services.AddMonitorKind<SelfSimilarityKind>();
        services.AddMonitorKind<SurrogateFidelityKind>();
        services.AddMonitorKind<QueryBudgetKind>();
    }

    public void MapEndpoints(IEndpointRouteBuilder endpoints)
    {
    }
}
