namespace Monitoring.Alerting.Delivery;

/// <summary>
/// The ways out in use: those of the configured receivers, and those of receivers that were taken out of the configuration for as long as messages wait for them.
/// </summary>
internal sealed class ReceiverLanes(TimeProvider time) : IDisposable
{
    /// <summary>A transaction that began before the switch may still write a row for a receiver that is gone.</summary>
    private static readonly TimeSpan s_longestTransaction = TimeSpan.FromMinutes(1);
    private readonly Lock _gate = new();
    private readonly List<Task> _retiring = [];
    private volatile IReadOnlyList<ReceiverLane> _all = [];

    public IReadOnlyList<ReceiverLane> All => _all;

    public ReceiverLane? Find(string name) => _all.FirstOrDefault(l => l.Name == name);

    /// <summary>Puts these in the place of those configured so far. What is on its way through a replaced one is finished there; a removed one goes on with what waits for it.</summary>
    /// <returns>Those that were removed.</returns>
    public IReadOnlyList<ReceiverLane> Switch(IReadOnlyList<ReceiverLane> configured)
    {
        lock (_gate)
        {
            var names = configured.Select(l => l.Name).ToHashSet(StringComparer.Ordinal);
            var removed = _all.Where(l => !names.Contains(l.Name)).ToList();
            var isNew = removed.Where(l => l.RemovedAt is null).ToList();
            isNew.ForEach(l => l.RemovedAt = time.GetTimestamp());
            var replaced = _all.Where(l => names.Contains(l.Name) && !configured.Contains(l)).ToList();
            _all = [.. configured, .. removed];
            replaced.ForEach(l => _retiring.Add(l.RetireAsync()));
            return isNew;
        }
    }

    /// <summary>Lets go of removed ones that nothing waits for, as just counted.</summary>
    public void ReleaseEmpty()
    {
        lock (_gate)
        {
            var done = _all.Where(l => l.RemovedAt is { } at && l.Depth == 0 && time.GetElapsedTime(at) > s_longestTransaction).ToList();
            if (done.Count > 0)
            {
                _all = [.. _all.Except(done)];
                done.ForEach(l => _retiring.Add(l.RetireAsync()));
            }

            _retiring.RemoveAll(t => t.IsCompletedSuccessfully);
        }
    }

    public void Dispose()
    {
        foreach (var lane in _all)
        {
            lane.Dispose();
        }

        _all = [];
    }
}
