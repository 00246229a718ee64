using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Monitoring.Detection;
using Monitoring.Contracts;
using Monitoring.Hosting;

namespace Monitoring.Drift;

public sealed class DriftModule : IServiceModule
{
    public string Name => "drift";

    public void ConfigureServices(IServiceCollection services)
    {
        services.AddMonitorKind<EvidenceKind>();
        services.AddMonitorService(Family.Drift);
        services.AddMonitorKind<KsKind>();
        services.AddMonitorKind<CvmKind>();
        services.AddMonitorKind<ChiSquareKind>();
        services.AddMonitorKind<PsiKind>();
        services.AddMonitorKind<JensenShannonKind>();
        services.AddMonitorKind<WassersteinKind>();
        services.AddSingleton<MmdSessions>();
        services.AddMonitorKind<MmdKind>();
    }

    public void MapEndpoints(IEndpointRouteBuilder endpoints)
    {
    }
}
