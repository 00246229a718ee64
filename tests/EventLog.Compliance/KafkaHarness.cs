using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Monitoring.EventLog.Kafka;
using Monitoring.TestKit;
using Monitoring.TestKit.Kafka;

namespace Monitoring.EventLog.Compliance;

/// <summary>
/// The log on Kafka: on librdkafka's mock cluster, on the broker of the TestKit, or on the real broker that <c>MONITORING_TEST_KAFKA=host:port</c> names, where nothing may be missing.
/// <c>MONITORING_TEST_KAFKA_PROTOCOL=consumer</c> tries KIP-848 there (brokers from 4.0 on). What a test makes on a broker is removed afterwards.
/// </summary>
internal sealed class KafkaHarness : LogHarness
{
    private static readonly TimeSpan s_request = TimeSpan.FromSeconds(20);
    private readonly MockKafkaCluster? _mock;
    private readonly KafkaBroker? _broker;
    private readonly KafkaEventLogOptions _options;
    private readonly ILoggerFactory _loggers;
    private readonly List<IEventLog> _logs = [];

    private KafkaHarness(MockKafkaCluster? mock, KafkaBroker? broker, ILoggerFactory? loggers, IReadOnlyDictionary<string, string>? properties)
    {
        _loggers = loggers ?? NullLoggerFactory.Instance;
        _mock = mock;
        _broker = broker;
        var protocol = mock is not null ? "consumer" : broker is not null ? "classic" : Environment.GetEnvironmentVariable("MONITORING_TEST_KAFKA_PROTOCOL") ?? "classic";
        _options = new KafkaEventLogOptions
        {
            BootstrapServers = mock?.BootstrapServers ?? broker?.BootstrapServers ?? RealBroker!,
            GroupProtocol = protocol == "consumer" ? KafkaGroupProtocol.Consumer : KafkaGroupProtocol.Classic,
            HandoverTimeout = TimeSpan.FromSeconds(2),
            MaxPollInterval = TimeSpan.FromMinutes(1),
            Properties = properties ?? new Dictionary<string, string>(),
        };
        Log = NewLog();
    }

    public static string? RealBroker => Environment.GetEnvironmentVariable("MONITORING_TEST_KAFKA") is { Length: > 0 } address ? address : null;

    public override string? WithoutTimeLookup => _mock is null ? null : "librdkafka's mock cluster does not look up offsets by time";

    public override IEventLog Log { get; }

    public KafkaEventLogOptions Options => _options;

    /// <summary>The real broker where one is named, else the mock cluster.</summary>
    public static KafkaHarness RealOrMock() => RealBroker is null ? new KafkaHarness(new MockKafkaCluster(), null, null, null) : new KafkaHarness(null, null, null, null);

    /// <summary>The real broker where one is named, else the TestKit's.</summary>
    public static KafkaHarness RealOrBroker() => RealBroker is null ? OnBroker() : new KafkaHarness(null, null, null, null);

    /// <summary>The TestKit's broker.</summary>
    public static KafkaHarness OnBroker(KafkaBroker? broker = null, ILoggerFactory? loggers = null, IReadOnlyDictionary<string, string>? properties = null) =>
        new(null, broker ?? new KafkaBroker(new KafkaBrokerOptions { InitialRebalanceDelay = TimeSpan.FromSeconds(1) }), loggers, properties);

    public IAdminClient Admin() => new AdminClientBuilder(new AdminClientConfig { BootstrapServers = _options.BootstrapServers }).Build();

    public override ValueTask<IEventLog> ConnectAsync() => ValueTask.FromResult<IEventLog>(NewLog());

    public override async ValueTask RetireAsync(string topic, long offset)
    {
        if (_mock is not null)
        {
            _mock.DeleteRecords(topic, 0, offset);
            return;
        }

        using var admin = Admin();
        await admin.DeleteRecordsAsync([new TopicPartitionOffset(topic, 0, offset)]);
    }

    /// <summary>A real broker compacts when a segment is closed and its cleaner comes by; nobody waits for that.</summary>
    public override ValueTask CompactAsync(string topic)
    {
        _broker?.Compact(topic);
        return ValueTask.CompletedTask;
    }

    public override async ValueTask DisposeAsync()
    {
        foreach (var log in _logs)
        {
            await log.DisposeAsync();
        }

        if (_mock is null && _broker is null)
        {
            await CleanUpAsync();
        }

        _mock?.Dispose();
        if (_broker is not null)
        {
            await _broker.DisposeAsync();
        }
    }

    public override async ValueTask PrepareTopicAsync(string name, int partitions)
    {
        await base.PrepareTopicAsync(name, partitions);
        _mock?.CreateTopic(name, partitions);
    }

    /// <summary>Best effort: what cannot be removed has a name that nobody else uses.</summary>
    private async Task CleanUpAsync()
    {
        using var admin = Admin();
        try
        {
            await admin.DeleteGroupsAsync([.. Groups], new DeleteGroupsOptions { RequestTimeout = s_request });
        }
        catch (KafkaException)
        {
            // Never joined, or a member is still counted.
        }

        try
        {
            await admin.DeleteTopicsAsync(Topics, new DeleteTopicsOptions { RequestTimeout = s_request });
        }
        catch (KafkaException)
        {
            // Never made.
        }
    }

    private KafkaEventLog NewLog()
    {
        var log = new KafkaEventLog(_options, TimeProvider.System, _loggers);
        _logs.Add(log);
        return log;
    }
}
