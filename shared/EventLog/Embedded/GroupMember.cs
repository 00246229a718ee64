namespace Monitoring.EventLog.Embedded;

/// <summary>One membership in a group.</summary>
internal sealed class GroupMember(GroupCoordinator coordinator, GroupSubscription subscription) : ISubscription
{
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Exception? _failure;

    public GroupSubscription Subscription { get; } = subscription;

    public Task Completion => _completion.Task;

    /// <summary>Ends the membership because a partition failed.</summary>
    public void Fail(Exception error)
    {
        Interlocked.CompareExchange(ref _failure, error, null);
        _ = LeaveAsync();
    }

    public async ValueTask DisposeAsync() => await LeaveAsync().ConfigureAwait(false);

    private async Task LeaveAsync()
    {
        await coordinator.LeaveAsync(this).ConfigureAwait(false);
        if (_failure is { } failure)
        {
            if (_completion.TrySetException(failure))
            {
                // Observed here: whoever watches Completion still sees it, and nobody has to.
                _ = _completion.Task.Exception;
            }
        }
        else
        {
            _completion.TrySetResult();
        }
    }
}
