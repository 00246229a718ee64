using Monitoring.Hosting;

namespace Monitoring.Outlier;

internal static class Program
{
    private static Task<int> Main(string[] args) => MonitoringApplication.RunAsync(args, [new OutlierModule()]);
}
