using System.Globalization;
using System.Runtime.InteropServices;

namespace Monitoring.TestKit;

/// <summary>
/// librdkafka's own mock cluster: the real protocol over TCP on loopback, for this process and others. It keeps 5 MB per partition and has no
/// CreateTopics, no lookup by time and no isolation levels; a second member joins a group only with <c>group.protocol=consumer</c>.
/// Needs <c>librdkafka.so</c> beside the tests: reference shared/EventLog.Kafka.
/// </summary>
public sealed partial class MockKafkaCluster : IDisposable
{
    private const string Library = "librdkafka";
    private readonly IntPtr _client;
    private readonly IntPtr _cluster;
    private readonly int _brokers;

    /// <param name="brokers">How many.</param>
    /// <param name="memberTimeout">A member of a group that is not heard of for this long is taken to be dead; null for librdkafka's 30 s.</param>
    public MockKafkaCluster(int brokers = 1, TimeSpan? memberTimeout = null)
    {
        _brokers = brokers;
        var error = new byte[512];
        var configuration = ConfNew();
        ConfSet(configuration, "log_level", "0", error, (nuint)error.Length);
        _client = New(0, configuration, error, (nuint)error.Length);
        if (_client == IntPtr.Zero)
        {
            throw new InvalidOperationException(System.Text.Encoding.UTF8.GetString(error).TrimEnd('\0'));
        }

        _cluster = ClusterNew(_client, brokers);
        RebalanceDelay(_cluster, 0);
        HeartbeatInterval(_cluster, 200);
        if (memberTimeout is { } timeout)
        {
            SessionTimeout(_cluster, (int)timeout.TotalMilliseconds);
        }

        BootstrapServers = Marshal.PtrToStringUTF8(Bootstraps(_cluster))!;
    }

    public string BootstrapServers { get; }

    public void CreateTopic(string name, int partitions) => Check(TopicCreate(_cluster, name, partitions, 1), $"create topic {name}");

    /// <summary>Moves the start of a partition up, as retention does.</summary>
    public void DeleteRecords(string topic, int partition, long before) => Check(PartitionDeleteRecords(_cluster, topic, partition, before), $"delete records of {topic}/{partition}");

    /// <summary>All brokers stop answering, or answer again.</summary>
    public void SetDown(bool down)
    {
        for (var broker = 1; broker <= _brokers; broker++)
        {
            Check(down ? BrokerDown(_cluster, broker) : BrokerUp(_cluster, broker), $"broker {broker} down={down}");
        }
    }

    public void Dispose()
    {
        ClusterDestroy(_cluster);
        Destroy(_client);
    }

    private static void Check(int error, string what)
    {
        if (error != 0)
        {
            throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture, $"mock cluster: {what}: error {error}"));
        }
    }

    [LibraryImport(Library, EntryPoint = "rd_kafka_conf_new")]
    private static partial IntPtr ConfNew();

    [LibraryImport(Library, EntryPoint = "rd_kafka_conf_set", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int ConfSet(IntPtr conf, string name, string value, [Out] byte[] error, nuint size);

    [LibraryImport(Library, EntryPoint = "rd_kafka_new")]
    private static partial IntPtr New(int type, IntPtr conf, [Out] byte[] error, nuint size);

    [LibraryImport(Library, EntryPoint = "rd_kafka_destroy")]
    private static partial void Destroy(IntPtr client);

    [LibraryImport(Library, EntryPoint = "rd_kafka_mock_cluster_new")]
    private static partial IntPtr ClusterNew(IntPtr client, int brokers);

    [LibraryImport(Library, EntryPoint = "rd_kafka_mock_cluster_destroy")]
    private static partial void ClusterDestroy(IntPtr cluster);

    [LibraryImport(Library, EntryPoint = "rd_kafka_mock_cluster_bootstraps")]
    private static partial IntPtr Bootstraps(IntPtr cluster);

    [LibraryImport(Library, EntryPoint = "rd_kafka_mock_group_initial_rebalance_delay_ms")]
    private static partial void RebalanceDelay(IntPtr cluster, int milliseconds);

    [LibraryImport(Library, EntryPoint = "rd_kafka_mock_set_group_consumer_heartbeat_interval_ms")]
    private static partial void HeartbeatInterval(IntPtr cluster, int milliseconds);

    [LibraryImport(Library, EntryPoint = "rd_kafka_mock_set_group_consumer_session_timeout_ms")]
    private static partial void SessionTimeout(IntPtr cluster, int milliseconds);

    [LibraryImport(Library, EntryPoint = "rd_kafka_mock_topic_create", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int TopicCreate(IntPtr cluster, string topic, int partitions, int replicas);

    [LibraryImport(Library, EntryPoint = "rd_kafka_mock_partition_delete_records", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int PartitionDeleteRecords(IntPtr cluster, string topic, int partition, long before);

    [LibraryImport(Library, EntryPoint = "rd_kafka_mock_broker_set_down")]
    private static partial int BrokerDown(IntPtr cluster, int broker);

    [LibraryImport(Library, EntryPoint = "rd_kafka_mock_broker_set_up")]
    private static partial int BrokerUp(IntPtr cluster, int broker);
}
