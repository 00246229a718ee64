using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Monitoring.Observability;

/// <summary>Registers metrics, and traces where an OTLP endpoint is given.</summary>
public static class Telemetry
{
    /// <summary>Prefix of every <see cref="System.Diagnostics.ActivitySource"/> of the product.</summary>
    public const string SourcePrefix = "Monitoring.";

    public static IServiceCollection AddMonitoringTelemetry(this IServiceCollection services, Uri? otlp)
    {
        services.AddMetrics();
        services.AddSingleton(provider => new PrometheusExposition(provider.GetRequiredService<IMeterFactory>()));
        if (otlp is not null)
        {
            services.AddOpenTelemetry()
                .ConfigureResource(r => r.AddService("monitoring"))
                .WithTracing(t => t.AddSource(SourcePrefix + "*").AddOtlpExporter(o => o.Endpoint = otlp));
        }

        return services;
    }
}
