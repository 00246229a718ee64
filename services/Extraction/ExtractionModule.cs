using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Monitoring.Contracts;
using Monitoring.Hosting;

namespace Monitoring.Extraction;

public sealed class ExtractionModule : IServiceModule
{
    public string Name => "extraction";

    public void ConfigureServices(IServiceCollection services)
    {
        services.AddMonitorService(Family.Extraction);
    }

    public void MapEndpoints(IEndpointRouteBuilder endpoints)
    {
    }
}
