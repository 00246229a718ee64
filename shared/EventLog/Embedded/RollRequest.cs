namespace Monitoring.EventLog.Embedded;

/// <summary>Closes the active segment of a topic: always, or only when it is old.</summary>
internal sealed class RollRequest(TopicLog topic, bool always) : WriteRequest
{
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public TopicLog Topic { get; } = topic;

    public bool Always { get; } = always;

    public Task Done => _done.Task;

    public void Complete() => _done.TrySetResult();

    public void Fail(Exception error) => _done.TrySetException(error);
}
