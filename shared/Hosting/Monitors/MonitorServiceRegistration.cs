using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Monitoring.Contracts;

namespace Monitoring.Hosting;

/// <summary>The line by which a service runs its family of monitors.</summary>
public static class MonitorServiceRegistration
{
    /// <summary>Runs the registered kinds of a family as one consumer group, named after the family.</summary>
    public static IServiceCollection AddMonitorService(this IServiceCollection services, Family family)
    {
        var group = MonitorPlanner.GroupOf(family);
        services.AddKeyedSingleton(group, (provider, _) => ActivatorUtilities.CreateInstance<MonitorGroupService>(provider, group));
        services.AddSingleton(provider => provider.GetRequiredKeyedService<MonitorGroupService>(group));
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredKeyedService<MonitorGroupService>(group));
        services.AddSingleton<IReadinessCheck>(provider => provider.GetRequiredKeyedService<MonitorGroupService>(group));
        return services;
    }
}
