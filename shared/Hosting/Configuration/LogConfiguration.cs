using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Monitoring.EventLog.Embedded;
using Monitoring.EventLog.Kafka;

namespace Monitoring.Hosting.Configuration;

/// <summary>Section <c>log</c>.</summary>
public sealed record LogConfiguration
{
    [Description("embedded needs no server and serves one process; kafka serves many.")]
    public LogKind Kind { get; init; } = LogKind.Embedded;

    [Range(1, 1024), Description("Partitions of inference.events and of what derives from it. Fixed at creation.")]
    public int Partitions { get; init; } = 4;

    [Description("Age beyond which events may be removed: the forensic horizon.")]
    public TimeSpan RetentionAge { get; init; } = TimeSpan.FromDays(7);

    [Description("Size per partition beyond which the oldest events may be removed.")]
    public ByteSize RetentionSize { get; init; } = new(50L << 30);

    [Description("process survives kill -9, power also survives a power cut. Embedded log only.")]
    public LogDurability Durability { get; init; } = LogDurability.Process;

    [Description("How often monitors write what they know to the log: after a crash at most this much is worked off again.")]
    public TimeSpan CheckpointInterval { get; init; } = TimeSpan.FromSeconds(10);

    [Description("The Kafka cluster, for kafka.")]
    public KafkaConfiguration? Kafka { get; init; }
}

/// <summary>Event logs.</summary>
public enum LogKind
{
    Embedded,
    Kafka,
}

/// <summary>Section <c>log.kafka</c>.</summary>
public sealed record KafkaConfiguration
{
    [Required, Description("host:port, several separated by commas.")]
    public string BootstrapServers { get; init; } = "";

    [Description("classic for brokers before 4.0, consumer for KIP-848.")]
    public KafkaGroupProtocol GroupProtocol { get; init; } = KafkaGroupProtocol.Classic;

    [Range(-1, 10), Description("Copies of every partition that is created; -1 is the broker's default.")]
    public int ReplicationFactor { get; init; } = -1;

    [RegularExpression("^[A-Za-z0-9._-]{0,40}$"), Description("Put before the names of the product's topics and groups at the broker, so that several installations share a cluster, for example 'staging.'. Topics of sources are named in full.")]
    public string Prefix { get; init; } = "";

    [Description("Any librdkafka property, passed through.")]
    public IReadOnlyDictionary<string, string> Properties { get; init; } = new Dictionary<string, string>();

    [Description("librdkafka properties whose value is a secret, for example sasl.password.")]
    public IReadOnlyDictionary<string, SecretReference> Secrets { get; init; } = new Dictionary<string, SecretReference>();
}

/// <summary>Section <c>capture</c>.</summary>
public sealed record CaptureConfiguration
{
    [Description("process writes before the answer and survives kill -9; fsync also survives a power cut; off captures nothing.")]
    public CaptureMode Mode { get; init; } = CaptureMode.Process;

    [Description("Bytes that may wait on disk for the log; beyond it events are dropped and counted, a caller never waits.")]
    public ByteSize SpoolMaxBytes { get; init; } = new(10L << 30);

    [Description("How long a logged request waits for its response, and the other way round.")]
    public TimeSpan JoinWindow { get; init; } = TimeSpan.FromMinutes(5);

    [Description("Key that seals client ids; created in the data folder when absent.")]
    public SecretReference? ClientKey { get; init; }

    [Description("Largest request body.")]
    public ByteSize MaxRequestBytes { get; init; } = new(32L << 20);
}

/// <summary>When a captured call is durable.</summary>
public enum CaptureMode
{
    Process,
    Fsync,
    Off,
}
