using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Monitoring.Contracts;
using Monitoring.Hosting;

namespace Monitoring.Leakage;

public sealed class LeakageModule : IServiceModule
{
    public string Name => "leakage";

    public void ConfigureServices(IServiceCollection services)
    {
        services.AddMonitorService(Family.Leakage);
    }

    public void MapEndpoints(IEndpointRouteBuilder endpoints)
    {
    }
}
