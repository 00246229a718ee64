namespace Monitoring.EventLog.Embedded;

/// <summary>
/// Shares the partitions of a topic among a group's members in this process. A partition changes hands only after its owner has stopped,
/// or after the handover timeout, when it is taken away and the owner's assignment is revoked.
/// </summary>
internal sealed class GroupCoordinator
{
    private readonly EmbeddedEventLog _log;
    private readonly Lock _gate = new();
    private readonly List<GroupMember> _members = [];
    private readonly GroupMember?[] _wanted;
    private readonly PartitionWorker?[] _workers;

    public GroupCoordinator(EmbeddedEventLog log, string group, TopicLog topic)
    {
        _log = log;
        Group = group;
        Topic = topic;
        _wanted = new GroupMember?[topic.Partitions.Length];
        _workers = new PartitionWorker?[topic.Partitions.Length];
    }

    public string Group { get; }

    public TopicLog Topic { get; }

    public GroupMember Join(GroupSubscription subscription)
    {
        var member = new GroupMember(this, subscription);
        lock (_gate)
        {
            _members.Add(member);
            Share();
        }

        return member;
    }

    /// <summary>Takes the member's partitions away and completes when the last of its workers has ended or was abandoned.</summary>
    public async Task LeaveAsync(GroupMember member)
    {
        Task[] ending;
        lock (_gate)
        {
            ending = [.. _workers.Where(w => w?.Member == member).Select(w => w!.Released)];
            if (_members.Remove(member))
            {
                Share();
            }
        }

        await Task.WhenAll(ending).ConfigureAwait(false);
    }

    public async Task CloseAsync()
    {
        GroupMember[] members;
        lock (_gate)
        {
            members = [.. _members];
        }

        await Task.WhenAll(members.Select(m => m.DisposeAsync().AsTask())).ConfigureAwait(false);
    }

    /// <summary>Where the group stands on a partition: processed by the present owner, else committed.</summary>
    public long Position(int partition)
    {
        lock (_gate)
        {
            return _workers[partition]?.Position ?? _log.Position(Group, Topic.Name, partition).Next ?? Topic.Start(partition);
        }
    }

    private void OnReleased(PartitionWorker worker)
    {
        lock (_gate)
        {
            if (_workers[worker.Partition] == worker)
            {
                _workers[worker.Partition] = null;
                Advance(worker.Partition);
            }
        }
    }

    /// <summary>Gives every member its equal share and moves as few partitions as that takes.</summary>
    private void Share()
    {
        var least = _members.Count == 0 ? 0 : _wanted.Length / _members.Count;
        var extra = _members.Count == 0 ? 0 : _wanted.Length % _members.Count;
        var room = _members.Select((m, i) => (Member: m, Room: least + (i < extra ? 1 : 0))).ToDictionary(x => x.Member, x => x.Room);
        for (var p = 0; p < _wanted.Length; p++)
        {
            if (_wanted[p] is { } owner && room.GetValueOrDefault(owner) > 0)
            {
                room[owner]--;
            }
            else
            {
                _wanted[p] = null;
            }
        }

        for (var p = 0; p < _wanted.Length; p++)
        {
            if (_wanted[p] is null && _members.Find(m => room[m] > 0) is { } member)
            {
                _wanted[p] = member;
                room[member]--;
            }

            Advance(p);
        }
    }

    private void Advance(int partition)
    {
        var worker = _workers[partition];
        var wanted = _wanted[partition];
        if (worker is null && wanted is not null)
        {
            worker = new PartitionWorker(_log, wanted, Topic, partition);
            _workers[partition] = worker;
            _ = worker.Released.ContinueWith(_ => OnReleased(worker), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
            worker.Start();
        }
        else if (worker is not null && worker.Member != wanted)
        {
            worker.RequestStop();
        }
    }
}
