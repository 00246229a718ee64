using System.Collections.Concurrent;
using Monitoring.EventLog;

namespace Monitoring.Replay.Evidence;

/// <summary>The segments that this process is filling, so that a quiet partition's last records are sealed too, though no record comes that would do it.</summary>
internal sealed class OpenSegments
{
    private readonly ConcurrentDictionary<CheckpointProcessor, byte> _open = new();

    public void Add(CheckpointProcessor processor) => _open[processor] = 0;

    public void Remove(CheckpointProcessor processor) => _open.TryRemove(processor, out _);

    /// <summary>Seals what has waited for <paramref name="age"/> since its first record came here. A partition that another owner has taken over is left to that one.</summary>
    public async Task SealAsync(TimeSpan age, CancellationToken cancellationToken)
    {
        foreach (var processor in _open.Keys)
        {
            try
            {
                await processor.SealOlderAsync(age, cancellationToken).ConfigureAwait(false);
            }
            catch (EventLogException e) when (e.IsTransient)
            {
                // The processor meets the same at its next record and starts again from the log.
            }
        }
    }
}
