namespace Monitoring.EventLog.Embedded;

/// <summary>A change of the catalogue: runs in the writer's transaction on it; <see cref="Done"/> completes when that is committed.</summary>
internal sealed class CatalogRequest(Action<Catalog> change) : WriteRequest
{
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task Done => _done.Task;

    public void Apply(Catalog catalog) => change(catalog);

    public void Complete() => _done.TrySetResult();

    public void Fail(Exception error) => _done.TrySetException(error);
}
