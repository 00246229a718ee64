namespace Monitoring.EventLog.Embedded;

/// <summary>Encoded records of one append.</summary>
internal sealed class AppendRequest(TopicLog topic, byte[] buffer, RecordSlice[] records) : WriteRequest
{
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public TopicLog Topic { get; } = topic;

    public byte[] Buffer { get; } = buffer;

    public RecordSlice[] Records { get; } = records;

    public LogPosition[] Positions { get; } = new LogPosition[records.Length];

    public Task Done => _done.Task;

    public override int Bytes => Buffer.Length;

    public void Complete() => _done.TrySetResult();

    public void Fail(Exception error) => _done.TrySetException(error);
}
