using Monitoring.Hosting.Configuration;

namespace Monitoring.Alerting;

/// <summary>What the service runs with.</summary>
/// <param name="Configuration">The whole configuration.</param>
/// <param name="Instance">Name of this process among those that share the database; a restart keeps it.</param>
internal sealed record AlertingSettings(MonitoringConfiguration Configuration, string Instance);
