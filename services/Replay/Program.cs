using Monitoring.Hosting;

namespace Monitoring.Replay;

internal static class Program
{
    private static Task<int> Main(string[] args) => MonitoringApplication.RunAsync(args, [new ReplayModule()]);
}
