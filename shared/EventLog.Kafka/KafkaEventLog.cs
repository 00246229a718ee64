using System.Collections.Concurrent;
using System.Globalization;
using System.Runtime.CompilerServices;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Microsoft.Extensions.Logging;

namespace Monitoring.EventLog.Kafka;

/// <summary>
/// The event log on Kafka. While no broker answers, calls wait and try again (cancel them to give up); appends that librdkafka gives
/// up on (<c>message.timeout.ms</c>, 5 minutes) end in a transient <see cref="EventLogException"/>. Log time is the broker's append time
/// in milliseconds: as monotone as the clocks of the brokers that lead a partition.
/// </summary>
public sealed class KafkaEventLog : IEventLog
{
    private const int ReadBatch = 512;

    /// <summary>Times that mean the ends of a partition, in the protocol.</summary>
    private const long Earliest = -2;
    private const long Latest = -1;

    /// <summary>Kafka's own default, set so that a broker with a smaller one still takes an event of 900 kB with its headers.</summary>
    private const int MaxMessageBytes = 1_048_588;
    private const long SmallestSegment = 16L << 20;
    private const long LargestSegment = 1L << 30;
    private const long CompactedSegment = 64L << 20;

    private static readonly TimeSpan s_request = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan s_retry = TimeSpan.FromMilliseconds(500);

    /// <summary>How long the leader of a topic that exists may say that it does not: brokers hear of a new topic one after the other (librdkafka's topic.metadata.propagation.max.ms).</summary>
    private static readonly TimeSpan s_propagation = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_settings = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan s_hour = TimeSpan.FromHours(1);
    private static readonly TimeSpan s_day = TimeSpan.FromDays(1);

    private readonly KafkaEventLogOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly KafkaClients _clients;
    private readonly PendingBytes _pending;
    private readonly EventLogMetrics _metrics;
    private readonly ConcurrentDictionary<string, int> _partitions = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, TopicDefinition> _definitions = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<KafkaSubscription, bool> _subscriptions = new();
    private readonly ConcurrentBag<IConsumer<byte[], byte[]?>> _readers = [];
    private bool _disposed;

    /// <summary>The broker does not tell topics' settings: nobody asks again.</summary>
    private volatile bool _tellsNoSettings;

    public KafkaEventLog(KafkaEventLogOptions options, TimeProvider time, ILoggerFactory loggers)
    {
        ArgumentException.ThrowIfNullOrEmpty(options.BootstrapServers);
        if (options.HandoverTimeout > options.MaxPollInterval / 2)
        {
            options = options with { HandoverTimeout = options.MaxPollInterval / 2 };
        }

        _options = options;
        _time = time;
        _logger = loggers.CreateLogger<KafkaEventLog>();
        _clients = new KafkaClients(options, time, _logger);
        _pending = new PendingBytes(options.MaxPendingBytes);
        _metrics = new EventLogMetrics(() => _subscriptions.Keys.SelectMany(s => s.Lags()), () => []);
    }

    internal EventLogMetrics Metrics => _metrics;

    internal KafkaClients Clients => _clients;

    public async ValueTask EnsureTopicAsync(TopicDefinition definition, CancellationToken cancellationToken = default)
    {
        if (await FindPartitionCountAsync(definition.Name, cancellationToken).ConfigureAwait(false) is not { } found)
        {
            await CreateAsync(definition, cancellationToken).ConfigureAwait(false);
            found = await WaitUntilVisibleAsync(definition, cancellationToken).ConfigureAwait(false);
        }
        else if (!definition.Equals(_definitions.GetValueOrDefault(definition.Name)))
        {
            await CheckSettingsAsync(definition, cancellationToken).ConfigureAwait(false);
        }

        if (found != definition.Partitions)
        {
            throw new TopicMismatchException(
                $"topic '{definition.Name}' has {found} partitions and was asked to have {definition.Partitions}. State and order belong to partitions: " +
                "set the number that the topic has, or use another name");
        }

        _partitions[definition.Name] = found;
        _definitions[definition.Name] = definition;
    }

    public async ValueTask<int> GetPartitionCountAsync(string topic, CancellationToken cancellationToken = default)
    {
        if (_partitions.TryGetValue(topic, out var known))
        {
            return known;
        }

        var count = await FindPartitionCountAsync(topic, cancellationToken).ConfigureAwait(false)
            ?? throw new UnknownTopicException($"topic '{topic}' does not exist on Kafka at {_options.BootstrapServers}");
        _partitions[topic] = count;
        return count;
    }

    public async ValueTask<LogPosition> AppendAsync(string topic, LogRecord record, CancellationToken cancellationToken = default) =>
        (await AppendAsync(topic, [record], cancellationToken).ConfigureAwait(false))[0];

    public async ValueTask<IReadOnlyList<LogPosition>> AppendAsync(string topic, IReadOnlyList<LogRecord> records, CancellationToken cancellationToken = default)
    {
        var partitions = await GetPartitionCountAsync(topic, cancellationToken).ConfigureAwait(false);
        if (records.Count == 0)
        {
            return [];
        }

        var bytes = 0L;
        var definition = _definitions.GetValueOrDefault(topic);
        for (var i = 0; i < records.Count; i++)
        {
            var record = records[i];
            if (definition is not null)
            {
                RecordRules.Check(definition, record);
            }

            if (record.Partition is { } p && (p < 0 || p >= partitions))
            {
                throw new ArgumentOutOfRangeException(nameof(records), p, $"topic '{topic}' has {partitions} partitions");
            }

            bytes += record.Key.Length + (record.Value?.Length ?? 0) + 200;
        }

        await _pending.WaitForRoomAsync(cancellationToken).ConfigureAwait(false);
        var started = _time.GetTimestamp();
        var operation = Produce(topic, records, bytes);
        try
        {
            await (cancellationToken.CanBeCanceled ? operation.Done.WaitAsync(cancellationToken) : operation.Done).ConfigureAwait(false);
        }
        catch (EventLogException e)
        {
            _metrics.AppendFailed(topic);
            if (e is UnknownTopicException)
            {
                _partitions.TryRemove(topic, out _);
            }

            throw;
        }

        _clients.Reached();
        _metrics.Appended(topic, records.Count, _time.GetElapsedTime(started));
        if (operation.Positions.FirstOrDefault(p => p.Partition >= partitions) is { Partition: > 0 } beyond && _partitions.TryRemove(topic, out _))
        {
            _logger.LogError("topic {Topic} has a partition {Partition} now, and had {Partitions} before: somebody added some, keys have moved, and groups will refuse to go on", topic, beyond.Partition, partitions);
        }

        return operation.Positions;
    }

    public async ValueTask<OffsetRange> GetOffsetsAsync(string topic, int partition, CancellationToken cancellationToken = default)
    {
        var tp = await PartitionAsync(topic, partition, cancellationToken).ConfigureAwait(false);
        return await AskAsync($"offsets of {topic}/{partition}", () => Offsets(tp), cancellationToken, exists: true).ConfigureAwait(false);
    }

    public async ValueTask<long> FindOffsetAsync(string topic, int partition, long timeUnixNano, CancellationToken cancellationToken = default)
    {
        var tp = await PartitionAsync(topic, partition, cancellationToken).ConfigureAwait(false);
        if (timeUnixNano <= 0)
        {
            // Negative times are no times to a broker: -1 asks for the end, -2 for the start, -3 for the newest time.
            return (await AskAsync($"offsets of {topic}/{partition}", () => Offsets(tp), cancellationToken, exists: true).ConfigureAwait(false)).Start;
        }

        var time = new Timestamp(EntryConversion.ToMillisecondsUp(timeUnixNano), TimestampType.CreateTime);
        return await AskAsync(
            $"offset by time of {topic}/{partition}",
            () =>
            {
                var found = _clients.Observer.OffsetsForTimes([new TopicPartitionTimestamp(tp, time)], s_request)[0].Offset;
                return found == Offset.End ? Offsets(tp).End : found.Value;
            },
            cancellationToken,
            exists: true).ConfigureAwait(false);
    }

    public async IAsyncEnumerable<LogEntry> ReadAsync(string topic, int partition, long from, long to, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var tp = await PartitionAsync(topic, partition, cancellationToken).ConfigureAwait(false);
        var range = await AskAsync($"offsets of {topic}/{partition}", () => Offsets(tp), cancellationToken, exists: true).ConfigureAwait(false);
        var position = Math.Max(from, range.Start);
        var end = Math.Min(to, range.End);
        if (position >= end)
        {
            yield break;
        }

        var reader = _readers.TryTake(out var idle) ? idle : _clients.CreateReader();
        var reusable = false;
        try
        {
            reader.Assign(new TopicPartitionOffset(tp, position));
            while (position < end)
            {
                var page = await Task.Run(() => ReadPage(topic, reader, ref position, end, cancellationToken), cancellationToken).ConfigureAwait(false);
                foreach (var entry in page)
                {
                    yield return entry;
                }
            }

            reusable = true;
        }
        finally
        {
            await Task.Run(() => PutBack(reader, reusable), CancellationToken.None).ConfigureAwait(false);
        }
    }

    public async ValueTask<ISubscription> SubscribeAsync(GroupSubscription subscription, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(subscription.Group);
        ArgumentOutOfRangeException.ThrowIfLessThan(subscription.MaxBatch, 1);
        ObjectDisposedException.ThrowIf(_disposed, this);
        _partitions.TryRemove(subscription.Topic, out _);
        var partitions = await GetPartitionCountAsync(subscription.Topic, cancellationToken).ConfigureAwait(false);
        if (_definitions.TryGetValue(subscription.Topic, out var definition) && definition.Partitions != partitions)
        {
            throw new TopicMismatchException(
                $"topic '{subscription.Topic}' now has {partitions} partitions instead of {definition.Partitions}: somebody added some. Keys have moved between partitions and state " +
                "belongs to them: stop all members, remove or migrate the group's state, and set the new number");
        }

        var result = new KafkaSubscription(this, subscription, partitions, _options, _time, _logger);
        _subscriptions[result] = true;
        _ = result.Completion.ContinueWith(_ => _subscriptions.TryRemove(result, out var _), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        result.Start();
        return result;
    }

    public async ValueTask DisposeAsync()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        await Task.WhenAll(_subscriptions.Keys.Select(s => s.DisposeAsync().AsTask())).ConfigureAwait(false);
        await Task.Run(() =>
        {
            while (_readers.TryTake(out var reader))
            {
                reader.Close();
                reader.Dispose();
            }

            _clients.Dispose();
        }).ConfigureAwait(false);
        _metrics.Dispose();
    }

    /// <summary>Asks the brokers, and again after transient errors until an answer comes or the caller gives up.</summary>
    /// <param name="what">What is asked for, for messages.</param>
    /// <param name="ask">Asks. Blocks.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="exists">The topic is known to exist: a broker that does not know it may not have heard of it yet.</param>
    internal async Task<T> AskAsync<T>(string what, Func<T> ask, CancellationToken cancellationToken, bool exists = false)
    {
        var began = _time.GetTimestamp();
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            ObjectDisposedException.ThrowIf(_disposed, this);
            try
            {
                var answer = await Task.Run(ask, cancellationToken).ConfigureAwait(false);
                _clients.Reached();
                return answer;
            }
            catch (KafkaException e) when (KafkaFailure.IsTransient(e))
            {
                _clients.Unreachable($"{what}: {KafkaFailure.Of(e).Reason}");
                await Task.Delay(s_retry, _time, cancellationToken).ConfigureAwait(false);
            }
            catch (KafkaException e) when (exists && KafkaFailure.IsUnknownTopic(KafkaFailure.Of(e)) && _time.GetElapsedTime(began) < s_propagation)
            {
                await Task.Delay(s_retry / 5, _time, cancellationToken).ConfigureAwait(false);
            }
            catch (KafkaException e)
            {
                throw KafkaFailure.Translate(what, KafkaFailure.Of(e), e);
            }
        }
    }

    /// <summary>First and next offset. Blocks.</summary>
    internal OffsetRange Offsets(TopicPartition partition)
    {
        var range = _clients.Observer.QueryWatermarkOffsets(partition, s_request);
        if (range.Low != range.High)
        {
            return new OffsetRange(range.Low.Value, range.High.Value);
        }

        // Empty, or not: librdkafka 2.15.1 asks for both ends at once, and where one answer is an error and comes in the same moment as the other, it takes the other for both. A group
        // would believe that retention has taken everything.
        return new OffsetRange(Ask(Earliest), Ask(Latest));

        long Ask(long time) => _clients.Observer.OffsetsForTimes([new TopicPartitionTimestamp(partition, new Timestamp(time, TimestampType.CreateTime))], s_request)[0].Offset.Value;
    }

    /// <summary>Time until retention by age may remove a record of this age; null where the topic keeps records or its settings are not known here.</summary>
    internal double? TimeToRetention(string topic, double age) =>
        _definitions.TryGetValue(topic, out var definition) && definition.MaxAge is { } maxAge ? Math.Max(0, maxAge.TotalSeconds - age) : null;

    /// <summary>Number of partitions at the broker now; null where it knows no such topic.</summary>
    internal async Task<int?> FindPartitionCountAsync(string topic, CancellationToken cancellationToken)
    {
        var name = BrokerTopic(topic);
        return await AskAsync<int?>(
            $"metadata of '{topic}'",
            () =>
            {
                var found = _clients.Admin.GetMetadata(name, s_request).Topics.Find(t => t.Topic == name);
                return found switch
                {
                    null => null,
                    { Error.Code: ErrorCode.NoError or ErrorCode.LeaderNotAvailable, Partitions.Count: > 0 } => found.Partitions.Count,
                    { Error.Code: ErrorCode.UnknownTopicOrPart or ErrorCode.Local_UnknownTopic or ErrorCode.NoError } => null,
                    _ => throw new KafkaException(found.Error),
                };
            },
            cancellationToken).ConfigureAwait(false);
    }

    private static string Number(double value) => ((long)value).ToString(CultureInfo.InvariantCulture);

    private ProduceOperation Produce(string topic, IReadOnlyList<LogRecord> records, long bytes)
    {
        var producer = _clients.Producer;
        var name = BrokerTopic(topic);
        _pending.Add(bytes);
        var operation = new ProduceOperation(topic, records.Count, _pending, bytes);
        for (var i = 0; i < records.Count; i++)
        {
            var index = i;
            try
            {
                var message = EntryConversion.ToMessage(records[i]);
                if (records[i].Partition is { } partition)
                {
                    producer.Produce(new TopicPartition(name, partition), message, report => operation.Report(index, report));
                }
                else
                {
                    producer.Produce(name, message, report => operation.Report(index, report));
                }
            }
            catch (ProduceException<byte[], byte[]?> e)
            {
                operation.Refuse(index, e.Error);
                break;
            }
            catch (Exception e) when (e is ObjectDisposedException or KafkaException)
            {
                operation.Refuse(index, new Error(ErrorCode.Local_Fatal, e.Message));
                break;
            }
        }

        return operation;
    }

    private List<LogEntry> ReadPage(string topic, IConsumer<byte[], byte[]?> reader, ref long position, long end, CancellationToken cancellationToken)
    {
        var page = new List<LogEntry>();
        while (position < end && page.Count < ReadBatch)
        {
            cancellationToken.ThrowIfCancellationRequested();
            ConsumeResult<byte[], byte[]?>? result;
            try
            {
                result = reader.Consume(page.Count == 0 ? TimeSpan.FromMilliseconds(200) : TimeSpan.Zero);
            }
            catch (ConsumeException e) when (KafkaFailure.IsTransient(e.Error))
            {
                _clients.Unreachable(e.Error.Reason);
                continue;
            }
            catch (ConsumeException e) when (e.Error.Code == ErrorCode.Local_AutoOffsetReset)
            {
                // Retention passed by while reading: what is gone is simply absent.
                var start = Offsets(e.ConsumerRecord.TopicPartition).Start;
                position = Math.Max(position, start);
                reader.Assign(new TopicPartitionOffset(e.ConsumerRecord.TopicPartition, position));
                continue;
            }
            catch (ConsumeException e)
            {
                throw KafkaFailure.Translate("read", e.Error, e);
            }

            if (result is null)
            {
                if (page.Count > 0)
                {
                    break;
                }
            }
            else if (result.IsPartitionEOF)
            {
                // Offsets up to the end may be missing (compaction, transaction markers).
                position = Math.Max(position, result.Offset.Value);
            }
            else
            {
                position = result.Offset.Value + 1;
                if (result.Offset.Value < end)
                {
                    page.Add(EntryConversion.ToEntry(topic, result));
                }
            }
        }

        return page;
    }

    private void PutBack(IConsumer<byte[], byte[]?> reader, bool reusable)
    {
        if (reusable && !_disposed && _readers.Count < 4)
        {
            reader.Unassign();
            _readers.Add(reader);
            return;
        }

        reader.Close();
        reader.Dispose();
    }

    private async Task<TopicPartition> PartitionAsync(string topic, int partition, CancellationToken cancellationToken)
    {
        var count = await GetPartitionCountAsync(topic, cancellationToken).ConfigureAwait(false);
        return partition >= 0 && partition < count
            ? new TopicPartition(BrokerTopic(topic), partition)
            : throw new ArgumentOutOfRangeException(nameof(partition), partition, $"topic '{topic}' has {count} partitions");
    }

    private string BrokerTopic(string topic) => _options.TopicPrefix + topic;

    private static string RetentionMs(TopicDefinition definition) => definition.MaxAge is { } age ? Number(age.TotalMilliseconds) : "-1";

    private static string RetentionBytes(TopicDefinition definition) => definition.MaxBytes is { } bytes ? Number(bytes) : "-1";

    /// <summary>
    /// What a topic is created with. A broker retires and compacts closed segments only, and closes one after a week or a gigabyte unless told otherwise: records would outlive
    /// their retention by a week, and a state topic would be a gigabyte to read before its first compaction.
    /// </summary>
    private Dictionary<string, string> Settings(TopicDefinition definition)
    {
        var settings = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["message.timestamp.type"] = "LogAppendTime",
            ["cleanup.policy"] = definition.Compacted ? "compact" : "delete",
            ["max.message.bytes"] = Number(MaxMessageBytes),
        };
        if (definition.Compacted)
        {
            settings["segment.bytes"] = Number(CompactedSegment);
            settings["segment.ms"] = Number(s_hour.TotalMilliseconds);
        }
        else
        {
            settings["retention.ms"] = RetentionMs(definition);
            settings["retention.bytes"] = RetentionBytes(definition);
            if (definition.MaxAge is { } age)
            {
                settings["segment.ms"] = Number(Math.Clamp(age.TotalMilliseconds / 8, s_hour.TotalMilliseconds, s_day.TotalMilliseconds));
            }

            if (definition.MaxBytes is { } bytes)
            {
                settings["segment.bytes"] = Number(Math.Clamp(bytes / 8, SmallestSegment, LargestSegment));
            }
        }

        if (_options.ReplicationFactor >= 3)
        {
            // "All replicas acknowledge" means all that are in sync, and that may be the leader alone.
            settings["min.insync.replicas"] = "2";
        }

        return settings;
    }

    /// <summary>
    /// A topic that somebody else made, or that was made under another configuration. What would lose or misdate records is an error. A longer retention is set; a shorter one is only
    /// told, since a start must not remove anything (docs/adr/0081). Brokers that do not tell are believed.
    /// </summary>
    private async Task CheckSettingsAsync(TopicDefinition definition, CancellationToken cancellationToken)
    {
        var resource = new ConfigResource { Type = ResourceType.Topic, Name = BrokerTopic(definition.Name) };
        if (_tellsNoSettings || await DescribeAsync(resource, cancellationToken).ConfigureAwait(false) is not { } found)
        {
            return;
        }

        string Found(string name) => found.TryGetValue(name, out var entry) ? entry.Value ?? "" : "";
        var policies = Found("cleanup.policy").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        var retires = policies.Contains("delete", StringComparer.Ordinal) && (Found("retention.ms") != "-1" || Found("retention.bytes") != "-1");
        if (definition.Compacted ? !policies.Contains("compact", StringComparer.Ordinal) || retires : policies.Contains("compact", StringComparer.Ordinal))
        {
            throw Mismatch("cleanup.policy", definition.Compacted ? "compact" : "delete", definition.Compacted ? "state in it would be retired" : "records of the same key in it would be removed");
        }

        if (found.ContainsKey("message.timestamp.type") && Found("message.timestamp.type") != "LogAppendTime")
        {
            throw Mismatch("message.timestamp.type", "LogAppendTime", "log time would be the clock of whoever writes");
        }

        if (definition.Compacted)
        {
            return;
        }

        var longer = new List<ConfigEntry>();
        foreach (var (name, wanted) in ((string, string)[])[("retention.ms", RetentionMs(definition)), ("retention.bytes", RetentionBytes(definition))])
        {
            if (!long.TryParse(Found(name), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var has) || Found(name) == wanted)
            {
                continue;
            }

            if (has >= 0 && (wanted == "-1" || long.Parse(wanted, CultureInfo.InvariantCulture) > has))
            {
                longer.Add(new ConfigEntry { Name = name, Value = wanted, IncrementalOperation = AlterConfigOpType.Set });
            }
            else
            {
                _logger.LogWarning(
                    "Kafka topic {Topic} keeps more than the configuration says: {Setting} is {Found}, not {Wanted}. To make it remove the rest: kafka-configs.sh --alter --entity-type topics --entity-name {Name} --add-config {Setting}={Wanted}",
                    definition.Name, name, Found(name), wanted, resource.Name, name, wanted);
            }
        }

        if (longer.Count > 0)
        {
            try
            {
                await _clients.Admin.IncrementalAlterConfigsAsync(new Dictionary<ConfigResource, List<ConfigEntry>> { [resource] = longer }, new IncrementalAlterConfigsOptions { RequestTimeout = s_request }).WaitAsync(cancellationToken).ConfigureAwait(false);
                _logger.LogInformation("Kafka topic {Topic} keeps more from now on: {Settings}", definition.Name, string.Join(", ", longer.Select(l => $"{l.Name}={l.Value}")));
            }
            catch (KafkaException e)
            {
                var reason = e is IncrementalAlterConfigsException { Results.Count: > 0 } all ? all.Results[0].Error.Reason : e.Error.Reason;
                _logger.LogWarning("Kafka topic {Topic} keeps less than the configuration says, and {Settings} was refused: {Reason}", definition.Name, string.Join(", ", longer.Select(l => $"{l.Name}={l.Value}")), reason);
            }
        }

        TopicMismatchException Mismatch(string setting, string wanted, string otherwise) => new(
            $"topic '{definition.Name}' has {setting}={Found(setting)} and needs {wanted}: {otherwise}. " +
            $"Set it (kafka-configs.sh --alter --entity-type topics --entity-name {resource.Name} --add-config {setting}={wanted}), or delete the topic if nothing in it matters");
    }

    /// <summary>A topic's settings; null where the broker does not tell them, or not to us.</summary>
    private async Task<Dictionary<string, ConfigEntryResult>?> DescribeAsync(ConfigResource resource, CancellationToken cancellationToken)
    {
        var began = _time.GetTimestamp();
        while (true)
        {
            Error error;
            try
            {
                var described = await _clients.Admin.DescribeConfigsAsync([resource], new DescribeConfigsOptions { RequestTimeout = s_settings }).WaitAsync(cancellationToken).ConfigureAwait(false);
                return described[0].Entries;
            }
            catch (DescribeConfigsException e)
            {
                error = e.Results[0].Error;
            }
            catch (KafkaException e)
            {
                error = e.Error;
            }

            // librdkafka's mock cluster has no answer at all; the topic's metadata came a moment ago, so the broker is there.
            _tellsNoSettings = error.Code is ErrorCode.Local_TimedOut or ErrorCode.Local_UnsupportedFeature;
            if (_tellsNoSettings || _time.GetElapsedTime(began) > s_propagation || !(KafkaFailure.IsTransient(error) || KafkaFailure.IsUnknownTopic(error)))
            {
                _logger.LogInformation("the settings of Kafka topic {Topic} are not known: {Reason}", resource.Name, error.Reason);
                return null;
            }

            if (KafkaFailure.IsTransient(error))
            {
                _clients.Unreachable(error.Reason);
            }

            await Task.Delay(s_retry, _time, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task CreateAsync(TopicDefinition definition, CancellationToken cancellationToken)
    {
        var specification = new TopicSpecification
        {
            Name = BrokerTopic(definition.Name),
            NumPartitions = definition.Partitions,
            ReplicationFactor = _options.ReplicationFactor,
            Configs = Settings(definition),
        };

        while (true)
        {
            try
            {
                await _clients.Admin.CreateTopicsAsync([specification], new CreateTopicsOptions { RequestTimeout = s_request }).WaitAsync(cancellationToken).ConfigureAwait(false);
                _logger.LogInformation("Kafka topic {Topic} created with {Partitions} partitions", definition.Name, definition.Partitions);
                return;
            }
            catch (CreateTopicsException e)
            {
                var error = e.Results[0].Error;
                if (error.Code == ErrorCode.TopicAlreadyExists)
                {
                    return;
                }

                if (!KafkaFailure.IsTransient(error))
                {
                    throw KafkaFailure.Translate($"creating topic '{definition.Name}'", error, e);
                }

                _clients.Unreachable(error.Reason);
            }
            catch (KafkaException e)
            {
                if (!KafkaFailure.IsTransient(e.Error))
                {
                    throw KafkaFailure.Translate($"creating topic '{definition.Name}'", e.Error, e);
                }

                _clients.Unreachable(e.Error.Reason);
            }

            await Task.Delay(s_retry, _time, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task<int> WaitUntilVisibleAsync(TopicDefinition definition, CancellationToken cancellationToken)
    {
        // The controller has the topic; the broker asked may hear of it, and of its leaders, a moment later.
        while (true)
        {
            if (await FindPartitionCountAsync(definition.Name, cancellationToken).ConfigureAwait(false) is { } count)
            {
                return count;
            }

            await Task.Delay(s_retry / 5, _time, cancellationToken).ConfigureAwait(false);
        }
    }
}
