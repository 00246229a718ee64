using Monitoring.Hosting;

namespace Monitoring.Quality;

internal static class Program
{
    private static Task<int> Main(string[] args) => MonitoringApplication.RunAsync(args, [new QualityModule()]);
}
