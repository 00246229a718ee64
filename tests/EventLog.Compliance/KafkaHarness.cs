using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Monitoring.EventLog.Kafka;
using Monitoring.TestKit;

namespace Monitoring.EventLog.Compliance;

/// <summary>
/// The log on Kafka: on librdkafka's mock cluster, or on the real broker that <c>MONITORING_TEST_KAFKA=host:port</c> names, where nothing may be
/// missing. <c>MONITORING_TEST_KAFKA_PROTOCOL=consumer</c> tries KIP-848 there (brokers from 4.0 on).
/// </summary>
internal sealed class KafkaHarness : LogHarness
{
    private readonly MockKafkaCluster? _mock;
    private readonly KafkaEventLogOptions _options;
    private readonly ILoggerFactory _loggers;
    private readonly List<IEventLog> _logs = [];

    public KafkaHarness(ILoggerFactory? loggers = null)
    {
        _loggers = loggers ?? NullLoggerFactory.Instance;
        var real = RealBroker;
        _mock = real is null ? new MockKafkaCluster() : null;
        var consumer = (Environment.GetEnvironmentVariable("MONITORING_TEST_KAFKA_PROTOCOL") ?? (real is null ? "consumer" : "classic")) == "consumer";
        _options = new KafkaEventLogOptions
        {
            BootstrapServers = real ?? _mock!.BootstrapServers,
            GroupProtocol = consumer ? KafkaGroupProtocol.Consumer : KafkaGroupProtocol.Classic,
            HandoverTimeout = TimeSpan.FromSeconds(2),
            MaxPollInterval = TimeSpan.FromMinutes(1),
        };
        Log = NewLog();
    }

    public static string? RealBroker => Environment.GetEnvironmentVariable("MONITORING_TEST_KAFKA") is { Length: > 0 } address ? address : null;

    public override string? WithoutTimeLookup => _mock is null ? null : "librdkafka's mock cluster does not look up offsets by time";

    public override string? WithoutTopicCreation => _mock is null ? null : "librdkafka's mock cluster does not create topics on request";

    public override IEventLog Log { get; }

    public MockKafkaCluster? Mock => _mock;

    public KafkaEventLogOptions Options => _options;

    public override ValueTask<IEventLog> ConnectAsync() => ValueTask.FromResult<IEventLog>(NewLog());

    public override async ValueTask RetireAsync(string topic, long offset)
    {
        if (_mock is not null)
        {
            _mock.DeleteRecords(topic, 0, offset);
            return;
        }

        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = _options.BootstrapServers }).Build();
        await admin.DeleteRecordsAsync([new TopicPartitionOffset(topic, 0, offset)]);
    }

    public override async ValueTask DisposeAsync()
    {
        foreach (var log in _logs)
        {
            await log.DisposeAsync();
        }

        _mock?.Dispose();
    }

    public override ValueTask PrepareTopicAsync(string name, int partitions)
    {
        _mock?.CreateTopic(name, partitions);
        return ValueTask.CompletedTask;
    }

    private KafkaEventLog NewLog()
    {
        var log = new KafkaEventLog(_options, TimeProvider.System, _loggers);
        _logs.Add(log);
        return log;
    }
}
