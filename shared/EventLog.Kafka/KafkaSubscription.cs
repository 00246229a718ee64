using System.Collections.Concurrent;
using Confluent.Kafka;
using Microsoft.Extensions.Logging;

namespace Monitoring.EventLog.Kafka;

/// <summary>
/// A member of a Kafka group: one thread that polls and runs no processor code. Assigned partitions start paused and empty; when their
/// processor has restored, the poll loop seeks to where it wants to resume.
/// </summary>
internal sealed class KafkaSubscription : ISubscription
{
    private static readonly TimeSpan s_poll = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan s_pollSoon = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan s_request = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan s_lookAtPaused = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_look = TimeSpan.FromSeconds(2);

    /// <summary>How often, a second apart, a topic that a broker does not know is looked for.</summary>
    private const int TopicLooks = 15;

    private readonly KafkaEventLog _log;
    private readonly KafkaEventLogOptions _options;
    private readonly ILogger _logger;
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ConcurrentDictionary<int, KafkaPartition> _partitions = new();
    private readonly ConcurrentQueue<Func<bool>> _commands = new();
    private readonly List<Task> _looks = [];
    private readonly Thread _thread;
    private IConsumer<byte[], byte[]?>? _consumer;
    private Exception? _failure;
    private volatile bool _stopping;
    private long _lastPoll;
    private Task _looking = Task.CompletedTask;
    private long _lookedAtPaused;

    public KafkaSubscription(KafkaEventLog log, GroupSubscription subscription, int partitionCount, KafkaEventLogOptions options, TimeProvider time, ILogger logger)
    {
        _log = log;
        Subscription = subscription;
        PartitionCount = partitionCount;
        _options = options;
        Time = time;
        _logger = logger;
        _lastPoll = time.GetTimestamp();
        _thread = new Thread(Run) { Name = $"kafka-{subscription.Group}", IsBackground = true };
    }

    public GroupSubscription Subscription { get; }

    public int PartitionCount { get; }

    public TimeProvider Time { get; }

    /// <summary>The topic's name at the broker.</summary>
    public string BrokerTopic => _options.TopicPrefix + Subscription.Topic;

    public Task Completion => _completion.Task;

    /// <summary>Whether the group can still count this member among its own: it polled within half of the time that it may be silent.</summary>
    public bool PolledRecently => Time.GetElapsedTime(Volatile.Read(ref _lastPoll)) < _options.MaxPollInterval / 2;

    public void Start() => _thread.Start();

    public async ValueTask DisposeAsync()
    {
        _stopping = true;
        await _completion.Task.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default).ConfigureAwait(false);
    }

    /// <summary>Asks the poll loop to deliver from <paramref name="position"/> on.</summary>
    public void Resume(KafkaPartition partition, long position) => _commands.Enqueue(() =>
    {
        if (!IsCurrent(partition))
        {
            return true;
        }

        var tp = new TopicPartition(BrokerTopic, partition.Assignment.Partition);
        try
        {
            // Also where fetching began there: what arrived before the pause was dropped.
            _consumer!.Seek(new TopicPartitionOffset(tp, position));
            _consumer.Resume([tp]);
            partition.Delivering = true;
            partition.Paused = false;
            LookAtEnd(partition);
            return true;
        }
        catch (KafkaException e) when (e.Error.Code is ErrorCode.Local_State or ErrorCode.Local_InProgress or ErrorCode.Local_UnknownPartition or ErrorCode.Local_PrevInProgress || KafkaFailure.IsTransient(e))
        {
            // The assignment has not reached the fetcher yet.
            return false;
        }
    });

    /// <summary>Where to go on: the processor's own offset, else the committed one, else the start. Checks it against what is retained.</summary>
    public async Task<long> ResolveAsync(KafkaPartition partition, long? resume, CancellationToken cancellationToken)
    {
        var tp = new TopicPartition(BrokerTopic, partition.Assignment.Partition);
        var position = resume ?? partition.Committed ?? partition.Retained.Start;
        var retained = partition.Retained;
        if (position < retained.Start || position > retained.End)
        {
            // The log may have grown since the assignment.
            retained = await _log.AskAsync($"offsets of {tp.Topic}/{tp.Partition.Value}", () => _log.Offsets(tp), cancellationToken).ConfigureAwait(false);
        }

        return position >= retained.Start && position <= retained.End
            ? position
            : throw new OffsetOutOfRangeException(Subscription.Group, tp.Topic, tp.Partition.Value, position, retained);
    }

    /// <summary>Commits. Blocks.</summary>
    public void Commit(TopicPartitionOffset position) => (_consumer ?? throw new ObjectDisposedException(nameof(KafkaSubscription))).Commit([position]);

    public void Unreachable(string reason) => _log.Clients.Unreachable(reason);

    /// <summary>Ends the subscription: nothing is skipped.</summary>
    public void Fail(KafkaPartition partition, Exception error)
    {
        _logger.LogError(error, "group {Group}: {Topic}/{Partition} ended with an error; nothing of it is skipped", Subscription.Group, Subscription.Topic, partition.Assignment.Partition);
        Interlocked.CompareExchange(ref _failure, error, null);
        _stopping = true;
    }

    /// <summary>A processor whose partition is somebody else's by now ended with an error, most often because it could not commit. The member goes on.</summary>
    public void FailedAfterLoss(KafkaPartition partition, Exception error) =>
        _logger.LogDebug(error, "group {Group}: the processor of {Topic}/{Partition} ended after the partition was lost", Subscription.Group, Subscription.Topic, partition.Assignment.Partition);

    public IEnumerable<GroupLag> Lags()
    {
        foreach (var partition in _partitions.Values)
        {
            if (partition.Position is not { } position || _consumer is not { } consumer)
            {
                continue;
            }

            // What the fetcher last heard of the end: no request. Of paused partitions it hears nothing; those are asked for (LookAtPaused).
            var heard = consumer.GetWatermarkOffsets(new TopicPartition(BrokerTopic, partition.Assignment.Partition)).High;
            var end = heard.IsSpecial ? partition.End : Math.Max(heard.Value, partition.End);
            var records = Math.Max(0, end - position.Offset);
            var time = partition.OldestTime ?? (position.TimeUnixNano > 0 ? position.TimeUnixNano : null);
            var seconds = records == 0 || time is null ? 0 : Math.Max(0, ((Time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks - (time.Value / 100)) / (double)TimeSpan.TicksPerSecond);
            yield return new GroupLag(Subscription.Group, Subscription.Topic, partition.Assignment.Partition, records, seconds, records == 0 ? null : _log.TimeToRetention(Subscription.Topic, seconds));
        }
    }

    private bool IsCurrent(KafkaPartition partition) => _partitions.TryGetValue(partition.Assignment.Partition, out var current) && current == partition && partition.Assignment.Owned;

    private void Run()
    {
        try
        {
            _consumer = _log.Clients.CreateMember(_options.GroupPrefix + Subscription.Group, builder => builder
                .SetPartitionsAssignedHandler((_, partitions) => OnAssigned(partitions))
                .SetPartitionsRevokedHandler((_, partitions) => OnRevoked(partitions))
                .SetPartitionsLostHandler((_, partitions) => OnLost(partitions)));
            _consumer.Subscribe(BrokerTopic);
            while (!_stopping)
            {
                RunCommands();
                PauseNew();
                Poll();
                PauseAndResume();
                LookAtPaused();
            }
        }
        catch (Exception e)
        {
            Interlocked.CompareExchange(ref _failure, e, null);
        }

        try
        {
            Release([.. _partitions.Values]);
            Task.WaitAll(_looks);
            _consumer?.Close();
        }
        catch (KafkaException e)
        {
            _logger.LogWarning(e, "group {Group}: leaving failed; the group notices after its session timeout", Subscription.Group);
        }

        _consumer?.Dispose();
        if (_failure is { } failure)
        {
            if (_completion.TrySetException(failure))
            {
                _ = _completion.Task.Exception;
            }
        }
        else
        {
            _completion.TrySetResult();
        }
    }

    private void RunCommands()
    {
        for (var i = _commands.Count; i > 0 && _commands.TryDequeue(out var command); i--)
        {
            if (!command())
            {
                _commands.Enqueue(command);
            }
        }
    }

    private void Poll()
    {
        var wait = _commands.IsEmpty && !_partitions.Values.Any(p => p.Delivering && p.Paused) ? s_poll : s_pollSoon;
        for (var taken = 0; taken < 2048; taken++)
        {
            ConsumeResult<byte[], byte[]?>? result;
            try
            {
                result = _consumer!.Consume(wait);
                Volatile.Write(ref _lastPoll, Time.GetTimestamp());
            }
            catch (ConsumeException e)
            {
                Volatile.Write(ref _lastPoll, Time.GetTimestamp());
                OnError(e);
                return;
            }

            if (result is null)
            {
                return;
            }

            wait = TimeSpan.Zero;
            if (_partitions.TryGetValue(result.Partition.Value, out var partition) && partition.Delivering)
            {
                partition.Deliver(EntryConversion.ToEntry(Subscription.Topic, result));
                if (partition.IsFull)
                {
                    return;
                }
            }
        }
    }

    /// <summary>Partitions that were assigned in the last poll: nothing is wanted of them before their processor has restored.</summary>
    private void PauseNew()
    {
        foreach (var partition in _partitions.Values)
        {
            if (!partition.Delivering && !partition.Paused)
            {
                Pause(partition);
            }
        }
    }

    private void PauseAndResume()
    {
        foreach (var partition in _partitions.Values)
        {
            if (partition.Delivering && !partition.Paused && partition.IsFull)
            {
                Pause(partition);
            }
            else if (partition.Delivering && partition.Paused && partition.HasRoom)
            {
                _consumer!.Resume([new TopicPartition(BrokerTopic, partition.Assignment.Partition)]);
                partition.Paused = false;
                LookAtEnd(partition);
            }
        }
    }

    /// <summary>
    /// Asks where paused partitions end, now and then: librdkafka learns of a growing log only from what it fetches, and a group that is too slow is paused
    /// most of the time, so its lag would stand still while it grows.
    /// </summary>
    private void LookAtPaused()
    {
        if (Time.GetElapsedTime(_lookedAtPaused) < s_lookAtPaused)
        {
            return;
        }

        _lookedAtPaused = Time.GetTimestamp();
        foreach (var partition in _partitions.Values)
        {
            if (partition.Delivering && partition.Paused)
            {
                LookAtEnd(partition);
            }
        }
    }

    /// <summary>
    /// Asks where a partition ends, beside the poll loop, which never waits for a broker. After a resumption this also wakes librdkafka's thread for that
    /// broker, which looks for partitions to fetch once a second when all of them were paused: without a request a slow group gets one buffer a second.
    /// </summary>
    private void LookAtEnd(KafkaPartition partition)
    {
        if (!partition.Looking.IsCompleted)
        {
            return;
        }

        var consumer = _consumer!;
        partition.Looking = Task.Run(() =>
        {
            try
            {
                var end = consumer.QueryWatermarkOffsets(new TopicPartition(BrokerTopic, partition.Assignment.Partition), s_look).High;
                partition.End = end.IsSpecial ? partition.End : end.Value;
            }
            catch (KafkaException e)
            {
                // A figure for people, and a wake-up call: what matters is asked for again.
                if (KafkaFailure.IsTransient(e))
                {
                    Unreachable($"end of {Subscription.Topic}/{partition.Assignment.Partition}: {KafkaFailure.Of(e).Reason}");
                }
            }
        });
        _looks.RemoveAll(l => l.IsCompleted);
        _looks.Add(partition.Looking);
    }

    private void Pause(KafkaPartition partition)
    {
        try
        {
            _consumer!.Pause([new TopicPartition(BrokerTopic, partition.Assignment.Partition)]);
            partition.Paused = true;
        }
        catch (KafkaException)
        {
            // Not assigned yet or no longer: the next round tries again, and what comes meanwhile is dropped or buffered.
        }
    }

    private void OnError(ConsumeException error)
    {
        var partition = error.ConsumerRecord?.Partition is { IsSpecial: false } p && _partitions.TryGetValue(p.Value, out var found) ? found : null;
        if (error.Error.Code == ErrorCode.Local_AutoOffsetReset || error.Error.Code == ErrorCode.OffsetOutOfRange)
        {
            if (partition is { Delivering: true })
            {
                _ = FailOutOfRangeAsync(partition);
            }
        }
        else if (error.Error.IsFatal)
        {
            throw KafkaFailure.Translate($"group '{Subscription.Group}'", error.Error, error);
        }
        else if (KafkaFailure.IsTransient(error.Error))
        {
            _log.Clients.Unreachable(error.Error.Reason);
        }
        else if (error.Error.Code is ErrorCode.UnknownTopicOrPart or ErrorCode.Local_UnknownTopic)
        {
            LookForTopic();
        }
        else if (error.Error.Code is ErrorCode.TopicAuthorizationFailed or ErrorCode.GroupAuthorizationFailed
            or ErrorCode.Local_BadMsg or ErrorCode.InvalidMsg or ErrorCode.Local_BadCompression or ErrorCode.Local_NotImplemented or ErrorCode.UnsupportedCompressionType or ErrorCode.Local_Inconsistent)
        {
            // librdkafka goes on behind a batch that it cannot read (damaged, or compressed in a way that it was not built for); nothing may be skipped here.
            throw KafkaFailure.Translate($"group '{Subscription.Group}'", error.Error, error);
        }
        else
        {
            _logger.LogWarning("group {Group}: {Reason} ({Code})", Subscription.Group, error.Error.Reason, error.Error.Code);
        }
    }

    /// <summary>The broker that was asked may not have heard of a new topic yet. One that is away for good ends the subscription.</summary>
    private void LookForTopic()
    {
        if (!_looking.IsCompleted)
        {
            return;
        }

        _looking = Task.Run(async () =>
        {
            for (var look = 0; look < TopicLooks && !_stopping; look++)
            {
                if (await _log.FindPartitionCountAsync(Subscription.Topic, CancellationToken.None).ConfigureAwait(false) is not null)
                {
                    _commands.Enqueue(() =>
                    {
                        _consumer!.Subscribe(BrokerTopic);
                        return true;
                    });
                    return;
                }

                await Task.Delay(s_lookAtPaused, Time).ConfigureAwait(false);
            }

            Interlocked.CompareExchange(ref _failure, new UnknownTopicException($"topic '{Subscription.Topic}' has disappeared while group '{Subscription.Group}' was reading it"), null);
            _stopping = true;
        });
        _ = _looking.ContinueWith(
            t =>
            {
                Interlocked.CompareExchange(ref _failure, t.Exception!.GetBaseException(), null);
                _stopping = true;
            },
            CancellationToken.None,
            TaskContinuationOptions.OnlyOnFaulted,
            TaskScheduler.Default);
    }

    private async Task FailOutOfRangeAsync(KafkaPartition partition)
    {
        try
        {
            var tp = new TopicPartition(BrokerTopic, partition.Assignment.Partition);
            var retained = await _log.AskAsync($"offsets of {tp.Topic}/{tp.Partition.Value}", () => _log.Offsets(tp), CancellationToken.None).ConfigureAwait(false);
            partition.Fail(new OffsetOutOfRangeException(Subscription.Group, tp.Topic, tp.Partition.Value, partition.Position?.Offset ?? 0, retained));
        }
        catch (Exception e)
        {
            partition.Fail(e);
        }
    }

    /// <summary>
    /// Returns absolute offsets, always. With a logical one (begin, end, stored) librdkafka asks a broker for the number, and when the answer comes after
    /// the seek to where the processor resumes, it asks again and goes there instead: a silent gap (tried, 2.15.1). Seeking inside of this handler fails.
    /// </summary>
    private List<TopicPartitionOffset> OnAssigned(List<TopicPartition> partitions)
    {
        var epoch = GroupGeneration.Of(_consumer!);
        var committed = Ask("committed offsets", () => _consumer!.Committed(partitions, s_request)).ToDictionary(c => c.Partition.Value, c => c.Offset);
        var offsets = new List<TopicPartitionOffset>();
        if (partitions.Find(p => p.Partition.Value >= PartitionCount) is { } added)
        {
            throw new TopicMismatchException(
                $"topic '{Subscription.Topic}' has a partition {added.Partition.Value}, but had {PartitionCount} when group '{Subscription.Group}' joined: somebody added some. Keys have moved between partitions " +
                "and state belongs to them: stop all members, remove or migrate the group's state, and set the new number");
        }

        foreach (var tp in partitions)
        {
            var retained = Ask("offsets", () => _log.Offsets(tp));
            var partition = new KafkaPartition(this, new KafkaAssignment(this, tp.Partition.Value, epoch), committed[tp.Partition.Value] is { IsSpecial: false } offset ? offset.Value : null, retained);
            _partitions[tp.Partition.Value] = partition;
            partition.Start();
            offsets.Add(new TopicPartitionOffset(tp, partition.AssignedOffset));
        }

        return offsets;
    }

    /// <summary>Asks the brokers, and again while they are away and the group can still count on this member. Blocks the poll loop.</summary>
    private T Ask<T>(string what, Func<T> ask)
    {
        while (true)
        {
            try
            {
                return ask();
            }
            catch (KafkaException e) when ((KafkaFailure.IsTransient(e) || KafkaFailure.IsUnknownTopic(KafkaFailure.Of(e))) && PolledRecently && !_stopping)
            {
                // A leader that has not heard of a new topic says that it does not exist.
                Unreachable($"{what} of '{Subscription.Topic}': {KafkaFailure.Of(e).Reason}");
            }
        }
    }

    private void OnRevoked(List<TopicPartitionOffset> partitions) =>
        Release([.. partitions.Select(p => _partitions.GetValueOrDefault(p.Partition.Value)).OfType<KafkaPartition>()]);

    private void OnLost(List<TopicPartitionOffset> partitions)
    {
        foreach (var lost in partitions)
        {
            if (_partitions.TryRemove(lost.Partition.Value, out var partition))
            {
                _logger.LogWarning("group {Group}: {Topic}/{Partition} was lost to another member", Subscription.Group, Subscription.Topic, lost.Partition.Value);
                _log.Metrics.PartitionLost(Subscription.Group, Subscription.Topic);
                partition.Abandon();
            }
        }
    }

    /// <summary>Lets processors finish and stop; those that take too long are abandoned.</summary>
    private void Release(KafkaPartition[] partitions)
    {
        foreach (var partition in partitions)
        {
            partition.Delivering = false;
            partition.RequestStop();
        }

        var all = Task.WhenAll(partitions.Select(p => p.Released));
        try
        {
            all.WaitAsync(_options.HandoverTimeout, Time).GetAwaiter().GetResult();
        }
        catch (TimeoutException)
        {
            foreach (var partition in partitions.Where(p => !p.Released.IsCompleted))
            {
                _logger.LogWarning("group {Group}: the processor of {Topic}/{Partition} did not stop within {Timeout}; the partition is handed over without it", Subscription.Group, Subscription.Topic, partition.Assignment.Partition, _options.HandoverTimeout);
                _log.Metrics.PartitionLost(Subscription.Group, Subscription.Topic);
                partition.Abandon();
            }
        }

        foreach (var partition in partitions)
        {
            _partitions.TryRemove(new KeyValuePair<int, KafkaPartition>(partition.Assignment.Partition, partition));
        }
    }
}
