using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.Hosting;

namespace Monitoring.Leakage;

public sealed class LeakageModule : IServiceModule
{
    public string Name => "leakage";

    public void ConfigureServices(IServiceCollection services)
    {
        services.AddMonitorService(Family.Leakage);
        services.AddMonitorKind<CanaryKind>();
        services.AddMonitorKind<MembershipKind>();
        services.AddMonitorKind<PersonalDataKind>();
        services.AddMonitorKind<PrecisionKind>();
    }

    public void MapEndpoints(IEndpointRouteBuilder endpoints)
    {
    }
}
