namespace Monitoring.EventLog;

/// <summary>Bounds what waits to become durable: above <paramref name="limit"/> bytes callers wait, and memory does not grow.</summary>
public sealed class PendingBytes(long limit)
{
    private readonly Lock _gate = new();
    private TaskCompletionSource? _room;
    private long _bytes;

    public void Add(long bytes) => Interlocked.Add(ref _bytes, bytes);

    public void Remove(long bytes)
    {
        if (Interlocked.Add(ref _bytes, -bytes) < limit && Volatile.Read(ref _room) is not null)
        {
            TaskCompletionSource? room;
            lock (_gate)
            {
                (room, _room) = (_room, null);
            }

            room?.TrySetResult();
        }
    }

    /// <summary>Completes when there is room.</summary>
    public ValueTask WaitForRoomAsync(CancellationToken cancellationToken) =>
        Volatile.Read(ref _bytes) < limit ? ValueTask.CompletedTask : WaitAsync(cancellationToken);

    private async ValueTask WaitAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            Task wait;
            lock (_gate)
            {
                _room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                wait = _room.Task;

                // After the announcement: a removal before it would not wake us.
                if (Interlocked.Read(ref _bytes) < limit)
                {
                    return;
                }
            }

            await wait.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }
}
