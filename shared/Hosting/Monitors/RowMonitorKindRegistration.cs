using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Monitoring.Detection;
using Monitoring.Hosting.Configuration;
using Monitoring.Scoring;

namespace Monitoring.Hosting;

/// <summary>The one line that adds a kind with <see cref="RowOptions"/>.</summary>
public static class RowMonitorKindRegistration
{
    /// <summary>Registers a kind that judges rows, with the choice of rows around it.</summary>
    public static IServiceCollection AddRowMonitorKind<TKind>(this IServiceCollection services)
        where TKind : class, IMonitorKind
    {
        services.TryAddSingleton(provider => new RowGraphs(
            provider.GetRequiredService<ScoringRuntime>(),
            provider.GetService<LoadedConfiguration>() is { } configuration ? configuration.Resolve : null));
        return services.AddSingleton<IMonitorKind>(provider =>
            new WatchedRowsKind(ActivatorUtilities.CreateInstance<TKind>(provider), provider.GetRequiredService<RowGraphs>()));
    }
}
