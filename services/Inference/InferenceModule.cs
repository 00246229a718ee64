using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Inference;

/// <summary>Serves and forwards models, and publishes every call as an event.</summary>
public sealed class InferenceModule : IServiceModule
{
    public string Name => "inference";

    public void ConfigureServices(IServiceCollection services)
    {
        services.AddSingleton(p => new Spool(
            Path.Combine(p.GetRequiredService<LoadedConfiguration>().DataDirectory, "spool"),
            p.GetRequiredService<LoadedConfiguration>().Value.Capture.SpoolMaxBytes.Bytes,
            p.GetRequiredService<ILogger<Spool>>()));
        services.AddControls();
        services.AddSingleton<LimitTable>();
        services.AddSingleton<ControlMetrics>();
        services.AddSingleton<ControlGate>();
        services.AddSingleton<IReloadable>(p => p.GetRequiredService<ControlGate>());
        services.AddSingleton<IReloadable>(p => p.GetRequiredService<ModelRepository>());
        services.AddSingleton<GatewayEndpoints>();
        services.AddSingleton<ModelRepository>();
        services.AddSingleton<EventCapture>();
        services.AddSingleton<EventPublisher>();
        services.AddSingleton<EventJoiner>();
        services.AddSingleton<InferenceMetrics>();
        services.AddSingleton<InferEndpoints>();
        services.AddSingleton<EventsEndpoint>();
        services.AddHostedService(p => p.GetRequiredService<ModelRepository>());
        services.AddHostedService<LimitKeeper>();
        services.AddHostedService(p => p.GetRequiredService<EventPublisher>());
        services.AddHostedService(p => p.GetRequiredService<EventJoiner>());
        services.AddHostedService<KafkaSource>();
    }

    public void MapEndpoints(IEndpointRouteBuilder endpoints)
    {
        endpoints.ServiceProvider.GetRequiredService<InferEndpoints>().Map(endpoints);
        endpoints.ServiceProvider.GetRequiredService<EventsEndpoint>().Map(endpoints);
        endpoints.ServiceProvider.GetRequiredService<GatewayEndpoints>().Map(endpoints);
    }
}
