namespace Monitoring.TestKit.Kafka;

/// <summary>
/// A group of the classic protocol, as a broker's coordinator keeps it: Empty, PreparingRebalance (members join), CompletingRebalance (the leader assigns), Stable. Not safe for several threads: the
/// broker's lock guards it. Times are those since the broker began.
/// </summary>
internal sealed class BrokerGroup(string name, TimeSpan initialDelay)
{
    private static readonly TimeSpan s_shortestSession = TimeSpan.FromSeconds(6);
    private static readonly TimeSpan s_longestSession = TimeSpan.FromMinutes(30);
    private readonly Dictionary<string, Member> _members = new(StringComparer.Ordinal);
    private readonly Dictionary<string, TimeSpan> _pending = new(StringComparer.Ordinal);
    private string? _protocolType;
    private string? _protocol;
    private string? _leader;
    private TimeSpan _joinUntil;
    private TimeSpan _syncUntil;
    private TimeSpan? _initialUntil;
    private bool _newMember;

    private enum Phase
    {
        Empty,
        PreparingRebalance,
        CompletingRebalance,
        Stable,
    }

    public string Name => name;

    public string State => _phase.ToString();

    public string ProtocolType => _protocolType ?? "";

    public string Protocol => _protocol ?? "";

    public int Generation { get; private set; }

    public bool IsEmpty => _members.Count == 0;

    public Dictionary<(string Topic, int Partition), (long Offset, string? Metadata)> Offsets { get; } = [];

    public IReadOnlyCollection<Member> Members => _members.Values;

    private Phase _phase;

    /// <summary>Joins; the answer comes when the group has its members together.</summary>
    public Task<JoinAnswer> JoinAsync(JoinRequest request, TimeSpan now)
    {
        if (request.SessionTimeout < s_shortestSession || request.SessionTimeout > s_longestSession)
        {
            return Refused(KafkaError.InvalidSessionTimeout, request.MemberId);
        }

        if (!IsEmpty && (request.ProtocolType != _protocolType || !request.Protocols.Any(p => _members.Values.All(m => m.Id == request.MemberId || m.Protocols.Any(o => o.Name == p.Name)))))
        {
            return Refused(KafkaError.InconsistentGroupProtocol, request.MemberId);
        }

        if (request.MemberId.Length == 0)
        {
            // The member comes again with this id; one that does not is forgotten after its session timeout (KIP-394).
            var id = $"{request.ClientId}-{Guid.NewGuid():D}";
            _pending[id] = now + request.SessionTimeout;
            return Refused(KafkaError.MemberIdRequired, id);
        }

        if (!_members.TryGetValue(request.MemberId, out var member))
        {
            if (!_pending.Remove(request.MemberId))
            {
                return Refused(KafkaError.UnknownMemberId, request.MemberId);
            }

            member = new Member(request.MemberId, request.ClientId);
            _members.Add(member.Id, member);
            _protocolType = request.ProtocolType;
            _newMember = true;
            member.Update(request, now);
            var joined = member.WaitForJoin();
            Prepare(now);
            TryComplete(now);
            return joined;
        }

        var isSame = member.Protocols.SequenceEqual(request.Protocols, ProtocolComparer.Instance);
        member.Update(request, now);
        if (isSame && (_phase == Phase.CompletingRebalance || (_phase == Phase.Stable && member.Id != _leader)))
        {
            return Task.FromResult(AnswerTo(member));
        }

        var again = member.WaitForJoin();
        Prepare(now);
        TryComplete(now);
        return again;
    }

    /// <summary>The assignment of a member; the answer comes when the leader has made it.</summary>
    public Task<(KafkaError Error, ReadOnlyMemory<byte> Assignment)> SyncAsync(string memberId, int generation, IReadOnlyList<(string Member, ReadOnlyMemory<byte> Bytes)> assignments, TimeSpan now)
    {
        if (Check(memberId, generation, now, out var member) is var error && error != KafkaError.None)
        {
            return Task.FromResult<(KafkaError, ReadOnlyMemory<byte>)>((error, default));
        }

        switch (_phase)
        {
            case Phase.PreparingRebalance:
                return Task.FromResult<(KafkaError, ReadOnlyMemory<byte>)>((KafkaError.RebalanceInProgress, default));
            case Phase.Stable:
                return Task.FromResult((KafkaError.None, member!.Assignment));
        }

        var answer = member!.WaitForSync();
        if (member.Id == _leader)
        {
            foreach (var other in _members.Values)
            {
                other.Assignment = assignments.FirstOrDefault(a => a.Member == other.Id).Bytes;
            }

            _phase = Phase.Stable;
            foreach (var other in _members.Values)
            {
                other.AnswerSync(KafkaError.None, now);
            }
        }

        return answer;
    }

    public KafkaError Heartbeat(string memberId, int generation, TimeSpan now) =>
        Check(memberId, generation, now, out _) is var error && error != KafkaError.None ? error
        : _phase == Phase.PreparingRebalance ? KafkaError.RebalanceInProgress
        : KafkaError.None;

    public KafkaError Leave(string memberId, TimeSpan now)
    {
        if (_pending.Remove(memberId))
        {
            TryComplete(now);
            return KafkaError.None;
        }

        if (!_members.TryGetValue(memberId, out var member))
        {
            return KafkaError.UnknownMemberId;
        }

        Remove(member, now);
        return KafkaError.None;
    }

    /// <summary>Whether a commit is allowed. Outside of a group (generation -1) only while nobody is in it.</summary>
    public KafkaError MayCommit(string memberId, int generation, TimeSpan now) =>
        generation < 0 && IsEmpty ? KafkaError.None
        : Check(memberId, generation, now, out _) is var error && error != KafkaError.None ? error
        : _phase == Phase.CompletingRebalance ? KafkaError.RebalanceInProgress
        : KafkaError.None;

    /// <summary>Lets time pass: those that were not heard of for too long are out.</summary>
    public void Tick(TimeSpan now)
    {
        foreach (var id in _pending.Where(p => p.Value < now).Select(p => p.Key).ToList())
        {
            _pending.Remove(id);
        }

        foreach (var member in _members.Values.Where(m => !m.IsWaiting && m.ExpiresAt < now).ToList())
        {
            Remove(member, now);
        }

        if (_phase == Phase.CompletingRebalance && _syncUntil < now)
        {
            foreach (var member in _members.Values.Where(m => !m.IsWaiting).ToList())
            {
                Remove(member, now);
            }
        }

        TryComplete(now);
    }

    /// <summary>The coordinator went away and comes back: nobody gets an answer, and members have their whole session timeout again.</summary>
    public void Reload(TimeSpan now)
    {
        foreach (var member in _members.Values)
        {
            member.Touch(now);
        }
    }

    private static Task<JoinAnswer> Refused(KafkaError error, string memberId) => Task.FromResult(new JoinAnswer(error, -1, "", "", memberId, []));

    private KafkaError Check(string memberId, int generation, TimeSpan now, out Member? member)
    {
        if (!_members.TryGetValue(memberId, out member))
        {
            return KafkaError.UnknownMemberId;
        }

        if (generation != Generation)
        {
            return KafkaError.IllegalGeneration;
        }

        member.Touch(now);
        return KafkaError.None;
    }

    private void Remove(Member member, TimeSpan now)
    {
        _members.Remove(member.Id);
        member.AnswerJoin(new JoinAnswer(KafkaError.UnknownMemberId, -1, "", "", member.Id, []), now);
        member.AnswerSync(KafkaError.UnknownMemberId, now);
        if (_phase is Phase.Stable or Phase.CompletingRebalance)
        {
            Prepare(now);
        }

        TryComplete(now);
    }

    private void Prepare(TimeSpan now)
    {
        if (_phase == Phase.PreparingRebalance)
        {
            return;
        }

        if (_phase == Phase.CompletingRebalance)
        {
            foreach (var member in _members.Values)
            {
                member.AnswerSync(KafkaError.RebalanceInProgress, now);
            }
        }

        _initialUntil = _phase == Phase.Empty ? now + initialDelay : null;
        _newMember = false;
        _joinUntil = now + _members.Values.Select(m => m.RebalanceTimeout).DefaultIfEmpty().Max();
        _phase = Phase.PreparingRebalance;
    }

    private void TryComplete(TimeSpan now)
    {
        if (_phase != Phase.PreparingRebalance)
        {
            return;
        }

        if (_initialUntil is { } until)
        {
            // A new group gives others a moment; each that comes prolongs it.
            if (now < until)
            {
                return;
            }

            if (_newMember && until + initialDelay < _joinUntil)
            {
                _newMember = false;
                _initialUntil = until + initialDelay;
                return;
            }
        }
        else if (now < _joinUntil && (_pending.Count > 0 || _members.Values.Any(m => !m.IsJoining)))
        {
            return;
        }

        _initialUntil = null;
        foreach (var gone in _members.Values.Where(m => !m.IsJoining).ToList())
        {
            _members.Remove(gone.Id);
        }

        Generation++;
        if (_members.Count == 0)
        {
            _phase = Phase.Empty;
            _leader = null;
            _protocol = null;
            return;
        }

        _phase = Phase.CompletingRebalance;
        _syncUntil = _joinUntil = now + _members.Values.Max(m => m.RebalanceTimeout);
        _leader = _leader is not null && _members.ContainsKey(_leader) ? _leader : _members.Keys.First();
        _protocol = _members.Values.First().Protocols.Select(p => p.Name).First(p => _members.Values.All(m => m.Protocols.Any(o => o.Name == p)));
        foreach (var member in _members.Values)
        {
            member.AnswerJoin(AnswerTo(member), now);
        }
    }

    private JoinAnswer AnswerTo(Member member) => new(
        KafkaError.None,
        Generation,
        Protocol,
        _leader ?? "",
        member.Id,
        member.Id == _leader ? [.. _members.Values.Select(m => (m.Id, m.Protocols.First(p => p.Name == _protocol).Metadata))] : []);

    /// <summary>What a member joins with.</summary>
    internal sealed record JoinRequest(string ClientId, string MemberId, TimeSpan SessionTimeout, TimeSpan RebalanceTimeout, string ProtocolType, IReadOnlyList<(string Name, ReadOnlyMemory<byte> Metadata)> Protocols);

    /// <summary>What it is answered.</summary>
    internal sealed record JoinAnswer(KafkaError Error, int Generation, string Protocol, string Leader, string MemberId, IReadOnlyList<(string Id, ReadOnlyMemory<byte> Metadata)> Members);

    internal sealed class Member(string id, string clientId)
    {
        private TaskCompletionSource<JoinAnswer>? _join;
        private TaskCompletionSource<(KafkaError, ReadOnlyMemory<byte>)>? _sync;
        private TimeSpan _sessionTimeout;

        public string Id => id;

        public string ClientId => clientId;

        public TimeSpan RebalanceTimeout { get; private set; }

        public TimeSpan ExpiresAt { get; private set; }

        public IReadOnlyList<(string Name, ReadOnlyMemory<byte> Metadata)> Protocols { get; private set; } = [];

        public ReadOnlyMemory<byte> Assignment { get; set; }

        public bool IsJoining => _join is not null;

        public bool IsWaiting => _join is not null || _sync is not null;

        public void Update(JoinRequest request, TimeSpan now)
        {
            _sessionTimeout = request.SessionTimeout;
            RebalanceTimeout = request.RebalanceTimeout;
            Protocols = request.Protocols;
            Touch(now);
        }

        public void Touch(TimeSpan now) => ExpiresAt = now + _sessionTimeout;

        public Task<JoinAnswer> WaitForJoin()
        {
            _join?.TrySetCanceled();
            _join = new TaskCompletionSource<JoinAnswer>(TaskCreationOptions.RunContinuationsAsynchronously);
            return _join.Task;
        }

        public Task<(KafkaError Error, ReadOnlyMemory<byte> Assignment)> WaitForSync()
        {
            _sync?.TrySetCanceled();
            _sync = new TaskCompletionSource<(KafkaError, ReadOnlyMemory<byte>)>(TaskCreationOptions.RunContinuationsAsynchronously);
            return _sync.Task;
        }

        public void AnswerJoin(JoinAnswer answer, TimeSpan now)
        {
            Touch(now);
            _join?.TrySetResult(answer);
            _join = null;
        }

        public void AnswerSync(KafkaError error, TimeSpan now)
        {
            Touch(now);
            _sync?.TrySetResult((error, error == KafkaError.None ? Assignment : default));
            _sync = null;
        }
    }

    private sealed class ProtocolComparer : IEqualityComparer<(string Name, ReadOnlyMemory<byte> Metadata)>
    {
        public static readonly ProtocolComparer Instance = new();

        public bool Equals((string Name, ReadOnlyMemory<byte> Metadata) x, (string Name, ReadOnlyMemory<byte> Metadata) y) => x.Name == y.Name && x.Metadata.Span.SequenceEqual(y.Metadata.Span);

        public int GetHashCode((string Name, ReadOnlyMemory<byte> Metadata) obj) => obj.Name.GetHashCode(StringComparison.Ordinal);
    }
}
