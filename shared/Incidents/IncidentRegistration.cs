using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;
using Monitoring.Storage;

namespace Monitoring.Incidents;

/// <summary>What Alerting and Console share: the database of incidents, reading it, acting on it.</summary>
public static class IncidentRegistration
{
    /// <summary>Registers once, however many modules of a process ask for it.</summary>
    public static IServiceCollection AddIncidents(this IServiceCollection services)
    {
        services.TryAddSingleton(OpenDatabase);
        services.TryAddSingleton(provider => new Outbox(provider.GetRequiredService<CurrentConfiguration>(), provider.GetRequiredService<IncidentLinks>(), provider.GetRequiredService<SealedRoots>()));
        services.TryAddSingleton<SealedRoots>();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IHostedService, SealedRoots>(provider => provider.GetRequiredService<SealedRoots>()));
        services.TryAddSingleton<OutboxSignal>();
        services.TryAddSingleton<IncidentMetrics>();
        services.TryAddSingleton<RearmPublisher>();
        services.TryAddSingleton<IncidentActions>();
        services.TryAddSingleton<IncidentQueries>();
        services.TryAddSingleton<ClientErasure>();
        return services;
    }

    private static MonitoringDatabase OpenDatabase(IServiceProvider provider)
    {
        var loaded = provider.GetRequiredService<LoadedConfiguration>();
        var time = provider.GetRequiredService<TimeProvider>();
        var storage = loaded.Value.Storage;
        if (storage.Kind == StorageKind.Postgresql)
        {
            var reference = storage.ConnectionString ?? throw new InvalidOperationException("storage.connectionString is missing for kind postgresql");
            return MonitoringDatabase.OpenPostgreSql(reference.Read(), time);
        }

        Directory.CreateDirectory(loaded.DataDirectory);
        return MonitoringDatabase.OpenSqlite(Path.Combine(loaded.DataDirectory, "monitoring.db"), loaded.Value.Log.Durability == EventLog.Embedded.LogDurability.Power, time);
    }
}
