using Monitoring.Hosting;

namespace Monitoring.Drift;

internal static class Program
{
    private static Task<int> Main(string[] args) => MonitoringApplication.RunAsync(args, [new DriftModule()]);
}
