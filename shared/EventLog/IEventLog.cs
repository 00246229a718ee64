namespace Monitoring.EventLog;

/// <summary>
/// The event log: named topics of ordered partitions. Two implementations, one contract (tests/EventLog.Compliance):
/// the embedded SQLite log (one process) and Kafka. An append that has returned is durable; order holds per partition;
/// delivery to a group is at least once, in offset order, one batch at a time.
/// </summary>
public interface IEventLog : IAsyncDisposable
{
    /// <summary>Creates the topic or checks it. Throws <see cref="TopicMismatchException"/> when it exists with another number of partitions.</summary>
    ValueTask EnsureTopicAsync(TopicDefinition definition, CancellationToken cancellationToken = default);

    /// <summary>Number of partitions, or throws <see cref="UnknownTopicException"/>.</summary>
    ValueTask<int> GetPartitionCountAsync(string topic, CancellationToken cancellationToken = default);

    /// <summary>Appends one record and returns when it is durable.</summary>
    ValueTask<LogPosition> AppendAsync(string topic, LogRecord record, CancellationToken cancellationToken = default);

    /// <summary>
    /// Appends records, in order per partition, and returns when all are durable. On an exception any prefix per partition may have been appended. The memory of the records is
    /// the caller's again when the call has returned.
    /// </summary>
    ValueTask<IReadOnlyList<LogPosition>> AppendAsync(string topic, IReadOnlyList<LogRecord> records, CancellationToken cancellationToken = default);

    /// <summary>First retained offset and the offset that the next record will get.</summary>
    ValueTask<OffsetRange> GetOffsetsAsync(string topic, int partition, CancellationToken cancellationToken = default);

    /// <summary>Offset of the first record appended at or after <paramref name="timeUnixNano"/>; the end offset when there is none.</summary>
    ValueTask<long> FindOffsetAsync(string topic, int partition, long timeUnixNano, CancellationToken cancellationToken = default);

    /// <summary>
    /// Records with <paramref name="from"/> ≤ offset &lt; <paramref name="to"/> that exist now, in order. Compacted or retired
    /// records are simply absent. Does not wait for new ones.
    /// </summary>
    IAsyncEnumerable<LogEntry> ReadAsync(string topic, int partition, long from, long to, CancellationToken cancellationToken = default);

    /// <summary>Joins the group and processes what is assigned until the result is disposed, which stops, lets processors finish and leaves the group.</summary>
    ValueTask<ISubscription> SubscribeAsync(GroupSubscription subscription, CancellationToken cancellationToken = default);
}
