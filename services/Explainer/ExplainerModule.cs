using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Monitoring.Hosting;

namespace Monitoring.Explainer;

public sealed class ExplainerModule : IServiceModule
{
    public string Name => "explainer";

    public void ConfigureServices(IServiceCollection services)
    {
    }

    public void MapEndpoints(IEndpointRouteBuilder endpoints)
    {
    }
}
