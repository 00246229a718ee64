using System.Diagnostics.Metrics;
using Monitoring.Hosting.Configuration;

namespace Monitoring.WebConsole;

/// <summary>Tells Prometheus where people find the console, so that its rules can link to runbooks here.</summary>
internal sealed class ConsoleMetrics
{
    public ConsoleMetrics(IMeterFactory factory, LoadedConfiguration configuration)
    {
        var url = configuration.Value.Api.PublicUrl?.ToString().TrimEnd('/') ?? "";
        factory.Create("Monitoring.Console").CreateObservableGauge(
            "monitoring_console_info",
            () => new Measurement<int>(1, new KeyValuePair<string, object?>("url", url)),
            description: "Always 1; label url is api.publicUrl, under which the console is reached.");
    }
}
