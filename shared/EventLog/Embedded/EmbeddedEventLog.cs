using System.Buffers;
using System.Collections.Concurrent;
using System.Globalization;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;

namespace Monitoring.EventLog.Embedded;

/// <summary>
/// The event log in SQLite files, for one process: <see cref="LogLockedException"/> tells a second one to use Kafka. With
/// <see cref="EmbeddedEventLogOptions.ReadOnly"/> it can be read while another process writes.
/// </summary>
public sealed class EmbeddedEventLog : IEventLog
{
    private const int ReadBatch = 512;

    private readonly FileStream? _lock;
    private readonly Catalog _catalog;
    private readonly LogWriter? _writer;
    private readonly SegmentMaintenance? _maintenance;
    private readonly ConcurrentDictionary<string, TopicLog> _topics = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Group, string Topic), GroupCoordinator> _groups = [];
    private readonly Lock _gate = new();
    private bool _disposed;

    private EmbeddedEventLog(EmbeddedEventLogOptions options, TimeProvider time, ILogger logger, FileStream? @lock)
    {
        Options = options;
        Time = time;
        Logger = logger;
        _lock = @lock;
        Metrics = new EventLogMetrics(Lags, Sizes);
        _catalog = Catalog.Open(Path.Combine(options.Directory, "log.db"), options);
        if (options.ReadOnly)
        {
            return;
        }

        foreach (var topic in _catalog.LoadTopics())
        {
            _topics[topic.Name] = LoadTopic(topic);
        }

        _writer = new LogWriter(_catalog, options, time, Metrics, logger);
        _maintenance = new SegmentMaintenance(_topics, _writer, options, time, logger);
    }

    internal EmbeddedEventLogOptions Options { get; }

    internal TimeProvider Time { get; }

    internal ILogger Logger { get; }

    internal EventLogMetrics Metrics { get; }

    internal RecordCodec Codec { get; } = new();

    /// <summary>Opens or makes the log. Throws <see cref="LogLockedException"/> when another process has it open for writing.</summary>
    public static EmbeddedEventLog Open(EmbeddedEventLogOptions options, TimeProvider time, ILoggerFactory loggers)
    {
        ArgumentException.ThrowIfNullOrEmpty(options.Directory);
        if (options.ReadOnly)
        {
            return File.Exists(Path.Combine(options.Directory, "log.db"))
                ? new EmbeddedEventLog(options, time, loggers.CreateLogger<EmbeddedEventLog>(), null)
                : throw new EventLogException($"there is no event log in '{options.Directory}'", isTransient: false);
        }

        Directory.CreateDirectory(options.Directory);
        var @lock = Lock(Path.Combine(options.Directory, "lock"));
        try
        {
            return new EmbeddedEventLog(options, time, loggers.CreateLogger<EmbeddedEventLog>(), @lock);
        }
        catch
        {
            @lock.Dispose();
            throw;
        }
    }

    public async ValueTask EnsureTopicAsync(TopicDefinition definition, CancellationToken cancellationToken = default)
    {
        Validate(definition);
        if (_topics.TryGetValue(definition.Name, out var existing) && existing.Definition == definition)
        {
            return;
        }

        await ChangeAsync(catalog =>
        {
            if (!_topics.TryGetValue(definition.Name, out var topic))
            {
                topic = LoadTopic(definition);
                catalog.StoreTopic(definition);
                _topics[definition.Name] = topic;
                return;
            }

            if (topic.Definition.Partitions != definition.Partitions || topic.Definition.Compacted != definition.Compacted)
            {
                throw new TopicMismatchException(
                    $"topic '{definition.Name}' has {Describe(topic.Definition)} and was asked to have {Describe(definition)}; that is fixed when a topic is made: use another name");
            }

            catalog.StoreTopic(definition);
            topic.Definition = definition;
        }).WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    public ValueTask<int> GetPartitionCountAsync(string topic, CancellationToken cancellationToken = default) =>
        ValueTask.FromResult(Topic(topic).Partitions.Length);

    public async ValueTask<LogPosition> AppendAsync(string topic, LogRecord record, CancellationToken cancellationToken = default)
    {
        var log = Topic(topic);
        var size = CheckedSize(log, record);
        var batch = new PartitionBatch(PartitionOf(log, record), [BlockBuilder.Single(record, size)]);
        await SendAsync(new AppendRequest(log, [batch], size), cancellationToken).ConfigureAwait(false);
        return new LogPosition(batch.Partition, batch.FirstOffset);
    }

    public async ValueTask<IReadOnlyList<LogPosition>> AppendAsync(string topic, IReadOnlyList<LogRecord> records, CancellationToken cancellationToken = default)
    {
        var log = Topic(topic);
        if (records.Count == 0)
        {
            return [];
        }

        // Where each record stands; offsets are known only afterwards.
        var positions = new LogPosition[records.Count];
        var request = Encode(log, records, positions);
        await SendAsync(request, cancellationToken).ConfigureAwait(false);
        var next = new long[log.Partitions.Length];
        foreach (var batch in request.Batches)
        {
            next[batch.Partition] = batch.FirstOffset;
        }

        for (var i = 0; i < positions.Length; i++)
        {
            positions[i] = positions[i] with { Offset = next[positions[i].Partition]++ };
        }

        return positions;
    }

    public ValueTask<OffsetRange> GetOffsetsAsync(string topic, int partition, CancellationToken cancellationToken = default)
    {
        var log = Topic(topic);
        var state = Partition(log, partition);
        return ValueTask.FromResult(new OffsetRange(log.Start(partition), state.Next));
    }

    public ValueTask<long> FindOffsetAsync(string topic, int partition, long timeUnixNano, CancellationToken cancellationToken = default)
    {
        var log = Topic(topic);
        var state = Partition(log, partition);
        while (true)
        {
            var segments = log.Segments;
            try
            {
                using var reader = new PartitionReader(log, state, Codec);
                return ValueTask.FromResult(reader.Find(timeUnixNano));
            }
            catch (EventLogException) when (log.Segments != segments)
            {
                // Retention took the file in the meantime: look again.
            }
        }
    }

    public async IAsyncEnumerable<LogEntry> ReadAsync(string topic, int partition, long from, long to, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var log = Topic(topic);
        var state = Partition(log, partition);
        var end = Math.Min(to, state.Next);
        var position = Math.Max(from, 0);
        using var reader = new PartitionReader(log, state, Codec);
        while (reader.Read(ref position, end, ReadBatch) is { } batch)
        {
            for (var i = 0; i < batch.Count; i++)
            {
                yield return batch[i];
            }

            // A page comes from the disk without waiting: let others have the thread between two.
            await Task.Yield();
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    public ValueTask<ISubscription> SubscribeAsync(GroupSubscription subscription, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(subscription.Group);
        ArgumentOutOfRangeException.ThrowIfLessThan(subscription.MaxBatch, 1);
        RequireWritable();
        var topic = Topic(subscription.Topic);
        GroupCoordinator? group;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            var key = (subscription.Group, subscription.Topic);
            if (!_groups.TryGetValue(key, out group))
            {
                _groups[key] = group = new GroupCoordinator(this, subscription.Group, topic);
            }
        }

        return ValueTask.FromResult<ISubscription>(group.Join(subscription));
    }

    public async ValueTask DisposeAsync()
    {
        GroupCoordinator[] groups;
        lock (_gate)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            groups = [.. _groups.Values];
        }

        await Task.WhenAll(groups.Select(g => g.CloseAsync())).ConfigureAwait(false);
        if (_maintenance is not null)
        {
            await _maintenance.DisposeAsync().ConfigureAwait(false);
        }

        if (_writer is not null)
        {
            await _writer.DisposeAsync().ConfigureAwait(false);
        }

        Metrics.Dispose();
        foreach (var topic in _topics.Values)
        {
            topic.Dispose();
        }

        _catalog.Dispose();
        if (_lock is not null)
        {
            await _lock.DisposeAsync().ConfigureAwait(false);
        }
    }

    internal GroupPosition Position(string group, string topic, int partition) => _catalog.Position(group, topic, partition);

    /// <summary>Changes the catalogue on the writer thread; completes when the change is durable.</summary>
    internal Task ChangeAsync(Action<Catalog> change)
    {
        RequireWritable();
        var request = new CatalogRequest(change);
        _writer!.Enqueue(request);
        return request.Done;
    }

    /// <summary>Retention and compaction now, as the timer does.</summary>
    internal Task MaintainAsync() => _maintenance!.RunAsync();

    private static FileStream Lock(string path)
    {
        FileStream file;
        try
        {
            file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (e is not (DirectoryNotFoundException or PathTooLongException))
        {
            throw new LogLockedException(
                $"the event log in '{Path.GetDirectoryName(path)}' is in use by process {ReadOwner(path)}: the embedded log serves one process. " +
                "Stop the other one, or use Kafka (log: kafka) to run several; 'search', 'fit' and 'replay' may read beside it");
        }

        // Beside the lock: a locked file cannot be read by others.
        File.WriteAllText(path + ".pid", Environment.ProcessId.ToString(CultureInfo.InvariantCulture));
        return file;
    }

    private static string ReadOwner(string path)
    {
        try
        {
            return File.ReadAllText(path + ".pid");
        }
        catch (IOException)
        {
            return "(unknown)";
        }
    }

    private static void Validate(TopicDefinition definition)
    {
        var name = definition.Name;
        if (name.Length is 0 or > 200 || name is "." or ".." || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-'))
        {
            throw new ArgumentException($"'{name}' is not a topic name: 1 to 200 letters, digits, '.', '_' and '-'", nameof(definition));
        }

        if (definition.Partitions is < 1 or > 1024)
        {
            throw new ArgumentException($"topic '{name}': {definition.Partitions} partitions; 1 to 1024 are possible", nameof(definition));
        }
    }

    private static string Describe(TopicDefinition d) => $"{d.Partitions} partitions and {(d.Compacted ? "compaction" : "no compaction")}";

    private static PartitionLog Partition(TopicLog topic, int partition) => partition >= 0 && partition < topic.Partitions.Length
        ? topic.Partitions[partition]
        : throw new ArgumentOutOfRangeException(nameof(partition), partition, $"topic '{topic.Name}' has {topic.Partitions.Length} partitions");

    private static int PartitionOf(TopicLog topic, LogRecord record) => record.Partition is { } explicitly
        ? Partition(topic, explicitly).Index
        : KeyPartitioner.Partition(record.Key.Span, topic.Partitions.Length);

    /// <summary>Checks and encodes the records on the caller's thread, and names their partitions in <paramref name="positions"/>.</summary>
    private AppendRequest Encode(TopicLog topic, IReadOnlyList<LogRecord> records, LogPosition[] positions)
    {
        var sizes = ArrayPool<int>.Shared.Rent(positions.Length);
        var bytes = ArrayPool<int>.Shared.Rent(topic.Partitions.Length);
        try
        {
            Array.Clear(bytes, 0, topic.Partitions.Length);
            long total = 0;
            for (var i = 0; i < positions.Length; i++)
            {
                sizes[i] = CheckedSize(topic, records[i]);
                positions[i] = new LogPosition(PartitionOf(topic, records[i]), 0);
                bytes[positions[i].Partition] += RecordBlock.Frame + sizes[i];
                total += RecordBlock.Frame + sizes[i];
                if (total > int.MaxValue / 2)
                {
                    throw new EventLogException($"topic '{topic.Name}': one append of more than 1 GiB; split it", isTransient: false);
                }
            }

            var builders = new BlockBuilder?[topic.Partitions.Length];
            for (var i = 0; i < positions.Length; i++)
            {
                var partition = positions[i].Partition;
                (builders[partition] ??= new BlockBuilder(partition, bytes[partition])).Add(records[i], sizes[i]);
            }

            return new AppendRequest(topic, [.. builders.OfType<BlockBuilder>().Select(b => b.Build())], (int)total);
        }
        finally
        {
            ArrayPool<int>.Shared.Return(sizes);
            ArrayPool<int>.Shared.Return(bytes);
        }
    }

    private int CheckedSize(TopicLog topic, LogRecord record)
    {
        RecordRules.Check(topic.Definition, record);
        var size = RecordCodec.SizeOf(record);
        return size <= Options.MaxRecordBytes
            ? size
            : throw new EventLogException($"topic '{topic.Name}': a record of {size} bytes is larger than {Options.MaxRecordBytes} (maxRecordBytes)", isTransient: false);
    }

    private async ValueTask SendAsync(AppendRequest request, CancellationToken cancellationToken)
    {
        RequireWritable();
        await _writer!.WaitForRoomAsync(cancellationToken).ConfigureAwait(false);
        _writer.Enqueue(request);
        await (cancellationToken.CanBeCanceled ? request.Done.WaitAsync(cancellationToken) : request.Done).ConfigureAwait(false);
    }

    private void RequireWritable()
    {
        if (Options.ReadOnly)
        {
            throw new EventLogException($"the event log in '{Options.Directory}' is open for reading only", isTransient: false);
        }
    }

    private TopicLog LoadTopic(TopicDefinition definition)
    {
        var topic = new TopicLog(Path.Combine(Options.Directory, definition.Name), definition, Options, Logger);
        topic.Load(p => _catalog.Positions.Where(c => c.Topic == definition.Name && c.Partition == p).Select(c => c.Position.Next ?? 0).DefaultIfEmpty().Max());
        return topic;
    }

    private TopicLog Topic(string name)
    {
        if (Options.ReadOnly)
        {
            // Another process appends: look at the disk every time.
            lock (_gate)
            {
                return _catalog.LoadTopics().Find(t => t.Name == name) is { } definition ? LoadTopic(definition) : throw Unknown(name);
            }
        }

        return _topics.TryGetValue(name, out var topic) ? topic : throw Unknown(name);
    }

    private UnknownTopicException Unknown(string name) => new($"topic '{name}' does not exist in the event log in '{Options.Directory}'");

    private IEnumerable<GroupLag> Lags()
    {
        GroupCoordinator[] groups;
        lock (_gate)
        {
            groups = [.. _groups.Values];
        }

        foreach (var group in groups)
        {
            foreach (var partition in group.Topic.Partitions)
            {
                yield return LagMeter.Measure(this, group, partition);
            }
        }
    }

    private IEnumerable<TopicSize> Sizes() =>
        _topics.Values.Select(t => new TopicSize(t.Name, t.Segments.Sum(s => s.Bytes), t.WalBytes));
}
