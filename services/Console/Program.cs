using Monitoring.Hosting;

namespace Monitoring.WebConsole;

internal static class Program
{
    private static Task<int> Main(string[] args) => MonitoringApplication.RunAsync(args, [new ConsoleModule()]);
}
