namespace Monitoring.Storage;

/// <summary>A small write that waits to be done together with others.</summary>
internal abstract class PendingWrite
{
    /// <summary>Writes within the transaction of all; nothing is told before that is committed.</summary>
    public abstract Task RunAsync(MonitoringDbContext context);

    /// <summary>The transaction was committed.</summary>
    public abstract void Complete();

    /// <summary>The transaction failed: the write is done again in one of its own.</summary>
    public abstract void RunAlone(MonitoringDatabase database);
}

/// <inheritdoc/>
internal sealed class PendingWrite<T>(Func<MonitoringDbContext, CancellationToken, Task<T>> write) : PendingWrite
{
    private readonly TaskCompletionSource<T> _result = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private T _value = default!;

    public Task<T> Result => _result.Task;

    public override async Task RunAsync(MonitoringDbContext context) => _value = await write(context, CancellationToken.None).ConfigureAwait(false);

    public override void Complete() => _result.SetResult(_value);

    public override void RunAlone(MonitoringDatabase database) => _ = RunAloneAsync(database);

    private async Task RunAloneAsync(MonitoringDatabase database)
    {
        try
        {
            _result.SetResult(await database.WriteAsync(write).ConfigureAwait(false));
        }
        catch (Exception e)
        {
            _result.SetException(e);
        }
    }
}
