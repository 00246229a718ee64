using Monitoring.Hosting;

namespace Monitoring.Alerting;

internal static class Program
{
    private static Task<int> Main(string[] args) => MonitoringApplication.RunAsync(args, [new AlertingModule()]);
}
