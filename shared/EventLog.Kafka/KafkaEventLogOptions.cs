using System.ComponentModel;
using System.ComponentModel.DataAnnotations;

namespace Monitoring.EventLog.Kafka;

/// <summary>Settings of the log on Kafka.</summary>
public sealed record KafkaEventLogOptions
{
    [Required]
    [Description("Brokers to ask first: host:port, separated by commas.")]
    public string BootstrapServers { get; init; } = "";

    [Description("How members of a group share partitions: 'classic' (every broker) or 'consumer' (KIP-848, brokers from 4.0 on).")]
    public KafkaGroupProtocol GroupProtocol { get; init; } = KafkaGroupProtocol.Classic;

    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    [Description("A member that has not polled for this long loses its partitions; after half of it, it no longer writes state.")]
    public TimeSpan MaxPollInterval { get; init; } = TimeSpan.FromMinutes(5);

    [Range(typeof(TimeSpan), "00:00:00.1", "1.00:00:00")]
    [Description("How long the owner of a partition may take to hand it over; then it goes on without having stopped properly. At most half of maxPollInterval.")]
    public TimeSpan HandoverTimeout { get; init; } = TimeSpan.FromMinutes(2);

    [Range(-1, 10)]
    [Description("Copies of the topics that are created; -1 is the broker's default.")]
    public short ReplicationFactor { get; init; } = -1;

    [Description("Put before the name of every topic at the broker, so that several installations share a cluster.")]
    public string TopicPrefix { get; init; } = "";

    [Description("Put before the name of every group at the broker.")]
    public string GroupPrefix { get; init; } = "";

    [Range(64L * 1024, 1024L * 1024 * 1024)]
    [Description("Bytes that may wait for the brokers; above it appends wait to be accepted.")]
    public long MaxPendingBytes { get; init; } = 64L * 1024 * 1024;

    [Description("Any property of librdkafka, by its own name, for example security.protocol, sasl.mechanism or ssl.ca.location. Wins over what is set here.")]
    public IReadOnlyDictionary<string, string> Properties { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);
}
