using Monitoring.Hosting;

namespace Monitoring.Extraction;

internal static class Program
{
    private static Task<int> Main(string[] args) => MonitoringApplication.RunAsync(args, [new ExtractionModule()]);
}
