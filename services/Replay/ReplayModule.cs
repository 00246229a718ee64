using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Monitoring.Hosting;
using Monitoring.Replay.Evidence;

namespace Monitoring.Replay;

/// <summary>Search, replay, comparison and evidence over the log.</summary>
public sealed class ReplayModule : IServiceModule
{
    public string Name => "replay";

    public void ConfigureServices(IServiceCollection services) => services.AddHostedService<EvidenceService>();

    public void MapEndpoints(IEndpointRouteBuilder endpoints)
    {
    }
}
