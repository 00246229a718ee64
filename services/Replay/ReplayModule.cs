using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Monitoring.Hosting;
using Monitoring.Replay.Evidence;
using Monitoring.Replay.Exchange;
using Monitoring.Replay.Feedback;

namespace Monitoring.Replay;

/// <summary>Search, replay, comparison and evidence over the log; labels and changes on their way into it.</summary>
public sealed class ReplayModule : IServiceModule
{
    public string Name => "replay";

    public void ConfigureServices(IServiceCollection services)
    {
        services.AddSingleton<OpenSegments>();
        services.AddHostedService<EvidenceService>();
    }

    public void MapEndpoints(IEndpointRouteBuilder endpoints)
    {
        endpoints.MapFeedback();
        endpoints.MapExchange();
    }
}
