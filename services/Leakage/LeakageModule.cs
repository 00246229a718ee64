using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Monitoring.Hosting;

namespace Monitoring.Leakage;

public sealed class LeakageModule : IServiceModule
{
    public string Name => "leakage";

    public void ConfigureServices(IServiceCollection services)
    {
    }

    public void MapEndpoints(IEndpointRouteBuilder endpoints)
    {
    }
}
