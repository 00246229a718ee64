using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Monitoring.Detection;
using Monitoring.Hosting;

namespace Monitoring.Adversarial;

public sealed class AdversarialModule : IServiceModule
{
    public string Name => "adversarial";

    public void ConfigureServices(IServiceCollection services)
    {
        services.AddMonitorKind<QuerySimilarityKind>();
    }

    public void MapEndpoints(IEndpointRouteBuilder endpoints)
    {
    }
}
