using Microsoft.Extensions.Logging;
using Monitoring.EventLog;
using Monitoring.EventLog.Embedded;
using Monitoring.EventLog.Kafka;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Hosting;

/// <summary>The one place that reads which transport the product runs on.</summary>
public static class EventLogFactory
{
    /// <summary>Opens the configured log.</summary>
    /// <param name="configuration">Configuration.</param>
    /// <param name="time">Clock of the append times.</param>
    /// <param name="loggers">Loggers.</param>
    /// <param name="readOnly">For verbs that read while a <c>run</c> is writing; embedded log only, Kafka takes any number of readers.</param>
    public static IEventLog Create(LoadedConfiguration configuration, TimeProvider time, ILoggerFactory loggers, bool readOnly = false)
    {
        var log = configuration.Value.Log;
        return log.Kind switch
        {
            LogKind.Embedded => EmbeddedEventLog.Open(
                new EmbeddedEventLogOptions { Directory = Path.Combine(configuration.DataDirectory, "log"), Durability = log.Durability, ReadOnly = readOnly },
                time,
                loggers),
            _ => new KafkaEventLog(KafkaOptions(log.Kafka!) with { TopicPrefix = log.Kafka!.Prefix }, time, loggers),
        };
    }

    /// <summary>Opens a Kafka cluster for other people's topics: the installation's own, or one that a source names.</summary>
    public static IEventLog CreateSource(KafkaConfiguration kafka, TimeProvider time, ILoggerFactory loggers) => new KafkaEventLog(KafkaOptions(kafka), time, loggers);

    private static KafkaEventLogOptions KafkaOptions(KafkaConfiguration kafka)
    {
        var properties = new Dictionary<string, string>(kafka.Properties, StringComparer.Ordinal);
        foreach (var (name, secret) in kafka.Secrets)
        {
            properties[name] = secret.Read();
        }

        return new KafkaEventLogOptions
        {
            BootstrapServers = kafka.BootstrapServers,
            GroupProtocol = kafka.GroupProtocol,
            GroupPrefix = kafka.Prefix,
            ReplicationFactor = (short)kafka.ReplicationFactor,
            Properties = properties,
        };
    }
}
