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
        services.AddRowMonitorKind<EvidenceKind>();
        services.AddMonitorService(Family.Drift);
        services.AddRowMonitorKind<KsKind>();
        services.AddRowMonitorKind<CvmKind>();
        services.AddRowMonitorKind<ChiSquareKind>();
        services.AddRowMonitorKind<PsiKind>();
        services.AddRowMonitorKind<JensenShannonKind>();
        services.AddRowMonitorKind<WassersteinKind>();
        services.AddSingleton<MmdSessions>();
        services.AddRowMonitorKind<MmdKind>();
        services.AddRowMonitorKind<MmdOnlineKind>();
        services.AddRowMonitorKind<LsddKind>();
        services.AddRowMonitorKind<ClassifierKind>();
        services.AddRowMonitorKind<AdwinKind>();
        services.AddRowMonitorKind<PageHinkleyKind>();
    }

    public void MapEndpoints(IEndpointRouteBuilder endpoints)
    {
    }
}
