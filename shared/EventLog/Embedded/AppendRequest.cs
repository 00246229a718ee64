namespace Monitoring.EventLog.Embedded;

/// <summary>Encoded records of one append.</summary>
internal sealed class AppendRequest(TopicLog topic, PartitionBatch[] batches, int bytes) : WriteRequest
{
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public TopicLog Topic { get; } = topic;

    public PartitionBatch[] Batches { get; } = batches;

    public Task Done => _done.Task;

    public override int Bytes { get; } = bytes;

    public void Complete() => _done.TrySetResult();

    public void Fail(Exception error) => _done.TrySetException(error);
}
