using Monitoring.Hosting;

namespace Monitoring.Adversarial;

internal static class Program
{
    private static Task<int> Main(string[] args) => MonitoringApplication.RunAsync(args, [new AdversarialModule()]);
}
