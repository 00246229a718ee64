namespace Monitoring.EventLog.Kafka;

/// <summary>How members of a group share partitions.</summary>
public enum KafkaGroupProtocol
{
    /// <summary>The classic protocol: every broker.</summary>
    Classic,

    /// <summary>KIP-848: brokers from 4.0 on.</summary>
    Consumer,
}
