using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.Hosting;

namespace Monitoring.Adversarial;

public sealed class AdversarialModule : IServiceModule
{
    public string Name => "adversarial";

    public void ConfigureServices(IServiceCollection services)
    {
        services.AddMonitorService(Family.Adversarial);
        services.AddSingleton<ServedModels>();
        services.AddMonitorKind<QuerySimilarityKind>();
        services.AddMonitorKind<OffManifoldKind>();
        services.AddMonitorKind<ClassMahalanobisKind>();
        services.AddMonitorKind<FeatureSqueezingKind>();
    }

    public void MapEndpoints(IEndpointRouteBuilder endpoints)
    {
    }
}
