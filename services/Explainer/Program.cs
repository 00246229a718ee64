using Monitoring.Hosting;

namespace Monitoring.Explainer;

internal static class Program
{
    private static Task<int> Main(string[] args) => MonitoringApplication.RunAsync(args, [new ExplainerModule()]);
}
