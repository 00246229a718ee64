using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Monitoring.Observability;

/// <summary><c>GET /metrics</c>.</summary>
public static class MetricsEndpoint
{
    public static IEndpointConventionBuilder MapMetrics(this IEndpointRouteBuilder endpoints)
    {
        // Resolved now, so that instruments are collected from the start and not from the first scrape.
        var exposition = endpoints.ServiceProvider.GetRequiredService<PrometheusExposition>();
        return endpoints.MapGet("/metrics", (HttpContext context) =>
        {
            var openMetrics = context.Request.Headers.Accept.ToString().Contains("application/openmetrics-text", StringComparison.Ordinal);
            return Results.Text(
                exposition.Write(openMetrics),
                openMetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8" : "text/plain; version=0.0.4; charset=utf-8");
        });
    }
}
