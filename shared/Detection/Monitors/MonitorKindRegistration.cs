using Microsoft.Extensions.DependencyInjection;

namespace Monitoring.Detection;

/// <summary>The one line that adds a kind.</summary>
public static class MonitorKindRegistration
{
    /// <summary>Registers a kind of monitor. It is made once, by the container, and looked up by its name.</summary>
    public static IServiceCollection AddMonitorKind<TKind>(this IServiceCollection services)
        where TKind : class, IMonitorKind =>
        services.AddSingleton<IMonitorKind, TKind>();
}
