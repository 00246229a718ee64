using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.Hosting;
using Monitoring.Scoring;

namespace Monitoring.Outlier;

public sealed class OutlierModule : IServiceModule
{
    public string Name => "outlier";

    public void ConfigureServices(IServiceCollection services)
    {
        services.AddSingleton(provider => new NeighbourSearches(provider.GetRequiredService<ScoringRuntime>(), provider.GetRequiredService<ScoringKernels>()));
        services.AddRowMonitorKind<OutlierKind>();
        services.AddRowMonitorKind<KnnKind>();
        services.AddRowMonitorKind<IsolationForestKind>();
        services.AddRowMonitorKind<MahalanobisKind>();
        services.AddRowMonitorKind<EcodKind>();
        services.AddRowMonitorKind<CopodKind>();
        services.AddRowMonitorKind<HbosKind>();
        services.AddRowMonitorKind<LofKind>();
        services.AddRowMonitorKind<PcaKind>();
        services.AddRowMonitorKind<AutoencoderKind>();
        services.AddRowMonitorKind<OnnxKind>();
        services.AddMonitorService(Family.Outlier);
    }

    public void MapEndpoints(IEndpointRouteBuilder endpoints)
    {
    }
}
