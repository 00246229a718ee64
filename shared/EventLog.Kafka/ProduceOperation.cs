using Confluent.Kafka;

namespace Monitoring.EventLog.Kafka;

/// <summary>One append of some records: completes when the last of them is acknowledged or has failed.</summary>
internal sealed class ProduceOperation
{
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly string _topic;
    private readonly PendingBytes _pending;
    private readonly long _bytes;
    private int _open;
    private Error? _error;

    public ProduceOperation(string topic, int count, PendingBytes pending, long bytes)
    {
        _topic = topic;
        _pending = pending;
        _bytes = bytes;
        _open = count;
        Positions = new LogPosition[count];
    }

    public LogPosition[] Positions { get; }

    public Task Done => _done.Task;

    public void Report(int index, DeliveryReport<byte[], byte[]?> report)
    {
        if (report.Error.IsError || report.Status != PersistenceStatus.Persisted)
        {
            _error ??= report.Error.IsError ? report.Error : new Error(ErrorCode.Local_TimedOut, "not acknowledged");
        }
        else
        {
            Positions[index] = new LogPosition(report.Partition.Value, report.Offset.Value);
        }

        Close(1);
    }

    /// <summary>The records from <paramref name="index"/> on were not accepted.</summary>
    public void Refuse(int index, Error error)
    {
        _error ??= error;
        Close(Positions.Length - index);
    }

    private void Close(int count)
    {
        if (Interlocked.Add(ref _open, -count) > 0)
        {
            return;
        }

        _pending.Remove(_bytes);
        if (_error is { } error)
        {
            _done.TrySetException(KafkaFailure.Translate($"append to '{_topic}'", error));
        }
        else
        {
            _done.TrySetResult();
        }
    }
}
