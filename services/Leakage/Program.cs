using Monitoring.Hosting;

namespace Monitoring.Leakage;

internal static class Program
{
    private static Task<int> Main(string[] args) => MonitoringApplication.RunAsync(args, [new LeakageModule()]);
}
