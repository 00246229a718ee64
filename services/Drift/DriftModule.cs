using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Monitoring.Contracts;
using Monitoring.Hosting;

namespace Monitoring.Drift;

public sealed class DriftModule : IServiceModule
{
    public string Name => "drift";

    public void ConfigureServices(IServiceCollection services)
    {
        services.AddMonitorService(Family.Drift);
    }

    public void MapEndpoints(IEndpointRouteBuilder endpoints)
    {
    }
}
