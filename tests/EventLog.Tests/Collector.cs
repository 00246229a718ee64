namespace Monitoring.EventLog.Tests;

/// <summary>Commits every batch, and forgets it.</summary>
internal sealed class Collector(PartitionAssignment assignment) : IPartitionProcessor
{
    public ValueTask<long?> StartAsync(CancellationToken cancellationToken) => ValueTask.FromResult<long?>(null);

    public ValueTask ProcessAsync(IReadOnlyList<LogEntry> batch, CancellationToken cancellationToken) => assignment.CommitAsync(batch[^1].Offset + 1, cancellationToken);

    public ValueTask StopAsync(bool lost, CancellationToken cancellationToken) => ValueTask.CompletedTask;
}
