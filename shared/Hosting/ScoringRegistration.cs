using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Monitoring.Scoring;

namespace Monitoring.Hosting;

internal static class ScoringRegistration
{
    /// <summary>One runtime and one set of kernel graphs for everything in the process.</summary>
    public static IServiceCollection AddMonitoringScoring(this IServiceCollection services, ScoringOptions options) => services
        .AddSingleton(provider => new ScoringRuntime(options, provider.GetRequiredService<ILogger<ScoringRuntime>>(), provider.GetRequiredService<IMeterFactory>(), provider.GetService<TimeProvider>()))
        .AddSingleton<ScoringKernels>();
}
