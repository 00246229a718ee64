using Monitoring.Hosting;

namespace Monitoring.Inference;

internal static class Program
{
    private static Task<int> Main(string[] args) => MonitoringApplication.RunAsync(args, [new InferenceModule()]);
}
