namespace Monitoring.Hosting.Configuration;

/// <summary>Log and storage: the section that the chosen kind needs is there.</summary>
internal sealed class LogValidator : IConfigurationValidator
{
    public void Validate(LoadedConfiguration configuration, ValidationReport report)
    {
        var value = configuration.Value;
        if (value.Log.Kind == LogKind.Kafka && value.Log.Kafka is null)
        {
            report.Error("log.kafka", "is required with log.kind: kafka");
        }

        if (value.Storage.Kind == StorageKind.Postgresql && value.Storage.ConnectionString is null)
        {
            report.Error("storage.connectionString", "is required with storage.kind: postgresql");
        }
    }
}
