using Confluent.Kafka;
using Microsoft.Extensions.Logging;

namespace Monitoring.EventLog.Kafka;

/// <summary>
/// Makes librdkafka's clients, each when it is first needed: a process that never uses Kafka needs no librdkafka. Says once per outage
/// that the brokers are away; librdkafka itself keeps trying.
/// </summary>
internal sealed class KafkaClients : IDisposable
{
    /// <summary>
    /// How long a broker may keep a fetch that finds nothing. A partition that is resumed, or assigned anew, waits for the fetch that is under way, and
    /// a group that catches up pauses often (tried: 100 pauses cost 4.3 s with librdkafka's 500 ms, 1.1 s with 100 ms).
    /// </summary>
    private const int MemberFetchWaitMs = 100;
    private const int ReaderFetchWaitMs = 20;

    private static readonly TimeSpan s_sayAgain = TimeSpan.FromSeconds(30);

    private readonly KafkaEventLogOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Lock _gate = new();
    private IProducer<byte[], byte[]?>? _producer;
    private IConsumer<byte[], byte[]?>? _observer;
    private IAdminClient? _admin;
    private long _saidAt;
    private bool _said;
    private bool _disposed;

    public KafkaClients(KafkaEventLogOptions options, TimeProvider time, ILogger logger)
    {
        _options = options;
        _time = time;
        _logger = logger;
    }

    /// <summary>Idempotent, all replicas acknowledge, partitions chosen as the Java client does.</summary>
    public IProducer<byte[], byte[]?> Producer
    {
        get
        {
            lock (_gate)
            {
                ObjectDisposedException.ThrowIf(_disposed, typeof(KafkaEventLog));
                return _producer ??= Load(CreateProducer);
            }
        }
    }

    /// <summary>Asks for metadata and offsets; never joins a group, never creates a topic by asking.</summary>
    public IConsumer<byte[], byte[]?> Observer
    {
        get
        {
            lock (_gate)
            {
                ObjectDisposedException.ThrowIf(_disposed, typeof(KafkaEventLog));
                return _observer ??= CreateReader();
            }
        }
    }

    public IAdminClient Admin
    {
        get
        {
            var observer = Observer;
            lock (_gate)
            {
                return _admin ??= new DependentAdminClientBuilder(observer.Handle).Build();
            }
        }
    }

    /// <summary>After a fatal error the producer is of no use any more: the next append makes a new one.</summary>
    public void DropProducer(IProducer<byte[], byte[]?> producer)
    {
        lock (_gate)
        {
            if (_producer != producer)
            {
                return;
            }

            _producer = null;
        }

        _logger.LogWarning("the Kafka producer failed for good and is made anew; what was not acknowledged is reported to its callers");
        _ = Task.Run(producer.Dispose);
    }

    /// <summary>A consumer that reads assigned ranges and belongs to no group.</summary>
    public IConsumer<byte[], byte[]?> CreateReader()
    {
        var config = ConsumerConfig("monitoring-reader");
        config.EnablePartitionEof = true;
        config.FetchWaitMaxMs ??= ReaderFetchWaitMs;
        return Load(() => Consumer(config).Build());
    }

    /// <summary>A member of a group.</summary>
    public IConsumer<byte[], byte[]?> CreateMember(string group, Action<ConsumerBuilder<byte[], byte[]?>> handlers)
    {
        var config = ConsumerConfig(group);
        config.MaxPollIntervalMs = (int)_options.MaxPollInterval.TotalMilliseconds;
        config.FetchWaitMaxMs ??= MemberFetchWaitMs;
        if (_options.GroupProtocol == KafkaGroupProtocol.Consumer)
        {
            config.GroupProtocol = GroupProtocol.Consumer;
        }
        else
        {
            config.PartitionAssignmentStrategy = PartitionAssignmentStrategy.CooperativeSticky;
            if (_options.MaxPollInterval < TimeSpan.FromSeconds(45))
            {
                config.SessionTimeoutMs = Math.Max(6000, (int)_options.MaxPollInterval.TotalMilliseconds);
                config.MaxPollIntervalMs = Math.Max(6000, config.MaxPollIntervalMs.Value);
            }
        }

        Override(config);
        return Load(() =>
        {
            var builder = Consumer(config);
            handlers(builder);
            return builder.Build();
        });
    }

    /// <summary>A request to the brokers succeeded.</summary>
    public void Reached()
    {
        if (Volatile.Read(ref _said))
        {
            _logger.LogInformation("Kafka at {Servers} answers again", _options.BootstrapServers);
            Volatile.Write(ref _said, false);
        }
    }

    public void Unreachable(string reason)
    {
        lock (_gate)
        {
            if (_said && _time.GetElapsedTime(_saidAt) < s_sayAgain)
            {
                return;
            }

            _said = true;
            _saidAt = _time.GetTimestamp();
        }

        _logger.LogWarning("no Kafka broker answers at {Servers} ({Reason}); trying again without end, nothing is lost", _options.BootstrapServers, reason);
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
        }

        _admin?.Dispose();
        _producer?.Dispose();
        if (_observer is not null)
        {
            _observer.Close();
            _observer.Dispose();
        }
    }

    private static T Load<T>(Func<T> create)
    {
        try
        {
            return create();
        }
        catch (Exception e) when (e is DllNotFoundException or TypeInitializationException or InvalidOperationException && e.ToString().Contains("librdkafka", StringComparison.OrdinalIgnoreCase) && e is not KafkaException)
        {
            throw new EventLogException($"librdkafka.so could not be loaded from '{AppContext.BaseDirectory}'; it is built by infra/natives/fetch.sh ({e.Message})", isTransient: false, e);
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException)
        {
            throw new EventLogException($"Kafka refuses its configuration: {e.Message}", isTransient: false, e);
        }
    }

    private IProducer<byte[], byte[]?> CreateProducer()
    {
        var config = new ProducerConfig
        {
            EnableIdempotence = true,
            Acks = Acks.All,
            Partitioner = Partitioner.Murmur2Random,
            DeliveryReportFields = "status",
            // Appends are bounded by bytes here (MaxPendingBytes), so that they wait instead of failing.
            QueueBufferingMaxMessages = 0,
            QueueBufferingMaxKbytes = (int)Math.Min(2097151, _options.MaxPendingBytes / 256),
        };
        Common(config, "monitoring-producer");
        Override(config);
        return new ProducerBuilder<byte[], byte[]?>(config).SetLogHandler((_, m) => Log(m)).SetErrorHandler((p, e) => OnError(e, () => DropProducer((IProducer<byte[], byte[]?>)p))).Build();
    }

    private ConsumerConfig ConsumerConfig(string group)
    {
        var config = new ConsumerConfig
        {
            GroupId = group,
            EnableAutoCommit = false,
            EnableAutoOffsetStore = false,
            // A gap must be an error that somebody accounts for, never a silent jump.
            AutoOffsetReset = AutoOffsetReset.Error,
            AllowAutoCreateTopics = false,
            QueuedMaxMessagesKbytes = 16384,
        };
        Common(config, group);
        Override(config);
        return config;
    }

    private ConsumerBuilder<byte[], byte[]?> Consumer(ConsumerConfig config) =>
        new ConsumerBuilder<byte[], byte[]?>(config).SetLogHandler((_, m) => Log(m)).SetErrorHandler((_, e) => OnError(e, null));

    private void Common(ClientConfig config, string client)
    {
        config.BootstrapServers = _options.BootstrapServers;
        config.ClientId = client;
        config.SocketKeepaliveEnable = true;
        config.ReconnectBackoffMs = 100;
        config.ReconnectBackoffMaxMs = 5000;
    }

    private void Override(ClientConfig config)
    {
        foreach (var (name, value) in _options.Properties)
        {
            config.Set(name, value);
        }
    }

    private void Log(LogMessage message) =>
        _logger.Log(message.Level <= SyslogLevel.Critical ? LogLevel.Error : LogLevel.Debug, "librdkafka {Client} {Facility}: {Message}", message.Name, message.Facility, message.Message);

    private void OnError(Error error, Action? onFatal)
    {
        if (error.IsFatal)
        {
            _logger.LogError("Kafka client failed for good: {Reason} ({Code})", error.Reason, error.Code);
            onFatal?.Invoke();
        }
        else if (error.Code is ErrorCode.Local_AllBrokersDown or ErrorCode.Local_Transport or ErrorCode.Local_Resolve)
        {
            Unreachable(error.Reason);
        }
        else if (error.Code is ErrorCode.Local_Authentication or ErrorCode.SaslAuthenticationFailed or ErrorCode.Local_Ssl)
        {
            Unreachable($"it refuses who we say we are: {error.Reason}");
        }
        else
        {
            _logger.LogDebug("Kafka: {Reason} ({Code})", error.Reason, error.Code);
        }
    }
}
