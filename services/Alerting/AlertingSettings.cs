using Monitoring.Hosting.Configuration;

namespace Monitoring.Alerting;

/// <summary>What the service runs with.</summary>
internal sealed class AlertingSettings
{
    private readonly MonitoringConfiguration _started;
    private MonitoringConfiguration _configuration;

    /// <param name="started">The whole configuration as of the start.</param>
    /// <param name="instance">Name of this process.</param>
    public AlertingSettings(MonitoringConfiguration started, string instance)
    {
        _started = started;
        _configuration = started;
        Instance = instance;
    }

    /// <summary>Name of this process among those that share the database; a restart keeps it.</summary>
    public string Instance { get; }

    /// <summary>The configuration in use; a reload puts another one here. Read it once where two of its parts must fit together.</summary>
    public MonitoringConfiguration Configuration => Volatile.Read(ref _configuration);

    /// <summary>Takes over everything but what was opened or begun at the start.</summary>
    public void Switch(MonitoringConfiguration next) => Volatile.Write(
        ref _configuration,
        next with
        {
            Log = _started.Log,
            Storage = _started.Storage,
            Alerting = next.Alerting with { RabbitMq = _started.Alerting.RabbitMq, NoDataAfter = _started.Alerting.NoDataAfter },
        });
}
