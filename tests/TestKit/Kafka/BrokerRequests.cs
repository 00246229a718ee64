using System.Globalization;

namespace Monitoring.TestKit.Kafka;

/// <summary>
/// Answers requests, each kind in one version: the newest that needs no compact encoding (librdkafka takes the newest that both sides know). Everything is looked at under one lock; only fetches
/// that wait for records, joins and syncs wait outside of it.
/// </summary>
internal sealed class BrokerRequests
{
    private const int Node = 1;
    private const string ClusterId = "kafka-of-the-tests";
    private const int LongestName = 249;

    private static readonly Dictionary<KafkaApi, short> s_versions = new()
    {
        [KafkaApi.Produce] = 7,
        [KafkaApi.Fetch] = 11,
        [KafkaApi.ListOffsets] = 5,
        [KafkaApi.Metadata] = 8,
        [KafkaApi.OffsetCommit] = 7,
        [KafkaApi.OffsetFetch] = 5,
        [KafkaApi.FindCoordinator] = 2,
        [KafkaApi.JoinGroup] = 5,
        [KafkaApi.Heartbeat] = 3,
        [KafkaApi.LeaveGroup] = 1,
        [KafkaApi.SyncGroup] = 3,
        [KafkaApi.DescribeGroups] = 4,
        [KafkaApi.ListGroups] = 2,
        [KafkaApi.ApiVersions] = 0,
        [KafkaApi.CreateTopics] = 4,
        [KafkaApi.DeleteTopics] = 3,
        [KafkaApi.DeleteRecords] = 1,
        [KafkaApi.InitProducerId] = 1,
        [KafkaApi.OffsetForLeaderEpoch] = 2,
        [KafkaApi.DescribeConfigs] = 1,
        [KafkaApi.CreatePartitions] = 1,
        [KafkaApi.DeleteGroups] = 1,
        [KafkaApi.IncrementalAlterConfigs] = 0,
    };

    private readonly KafkaBrokerOptions _options;
    private readonly int _port;
    private readonly Func<TimeSpan> _now;
    private readonly Lock _gate;
    private readonly Func<KafkaApi, KafkaError> _injected;
    private readonly Dictionary<string, BrokerTopic> _topics = new(StringComparer.Ordinal);
    private readonly Dictionary<string, BrokerGroup> _groups = new(StringComparer.Ordinal);
    private TaskCompletionSource _appended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TimeSpan? _coordinatorAsked;
    private TimeSpan _loadedAt;
    private long _producerIds = 1000;

    public BrokerRequests(KafkaBrokerOptions options, int port, Func<TimeSpan> now, Lock gate, Func<KafkaApi, KafkaError> injected)
    {
        _options = options;
        _port = port;
        _now = now;
        _gate = gate;
        _injected = injected;
    }

    private static long UnixMilliseconds => TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();

    public IReadOnlyList<string> TopicNames()
    {
        lock (_gate)
        {
            return [.. _topics.Keys.Order(StringComparer.Ordinal)];
        }
    }

    public IReadOnlyDictionary<string, int> GroupSizes()
    {
        lock (_gate)
        {
            return _groups.ToDictionary(g => g.Key, g => g.Value.Members.Count, StringComparer.Ordinal);
        }
    }

    public void Compact(string topic)
    {
        lock (_gate)
        {
            if (!_topics[topic].Settings.IsCompacted)
            {
                throw new InvalidOperationException($"topic '{topic}' is not compacted");
            }

            _topics[topic].Partitions.ForEach(p => p.Compact());
        }
    }

    public void Reload()
    {
        lock (_gate)
        {
            _loadedAt = _now() + _options.CoordinatorLoad;
            foreach (var group in _groups.Values)
            {
                group.Reload(_loadedAt);
            }
        }
    }

    public void Tick()
    {
        lock (_gate)
        {
            foreach (var group in _groups.Values)
            {
                group.Tick(_now());
            }
        }
    }

    /// <summary>The answer, from its correlation id on; null where none is wanted.</summary>
    public async ValueTask<ReadOnlyMemory<byte>?> AnswerAsync(ReadOnlyMemory<byte> request, CancellationToken cancellationToken)
    {
        var reader = new WireReader(request);
        var api = (KafkaApi)reader.Int16();
        var version = reader.Int16();
        var correlation = reader.Int32();
        var client = reader.NullableText() ?? "";
        var writer = new WireWriter().Int32(correlation);
        if (!s_versions.TryGetValue(api, out var known) || version != known || api == KafkaApi.ApiVersions)
        {
            if (api != KafkaApi.ApiVersions)
            {
                throw new InvalidDataException($"{api} in version {version}");
            }

            // In the oldest version, also to newer ones, which the client then gives up.
            writer.Error(version == 0 ? KafkaError.None : KafkaError.UnsupportedVersion).Array(s_versions, v => writer.Int16((short)v.Key).Int16(0).Int16(v.Value));
            return writer.Written;
        }

        switch (api)
        {
            case KafkaApi.Fetch:
                await FetchAsync(reader, writer, cancellationToken).ConfigureAwait(false);
                return writer.Written;
            case KafkaApi.JoinGroup:
                await JoinAsync(client, reader, writer, cancellationToken).ConfigureAwait(false);
                return writer.Written;
            case KafkaApi.SyncGroup:
                await SyncAsync(reader, writer, cancellationToken).ConfigureAwait(false);
                return writer.Written;
        }

        lock (_gate)
        {
            switch (api)
            {
                case KafkaApi.Metadata: Metadata(reader, writer); break;
                case KafkaApi.Produce: return Produce(reader, writer) ? writer.Written : null;
                case KafkaApi.ListOffsets: ListOffsets(reader, writer); break;
                case KafkaApi.OffsetForLeaderEpoch: OffsetForLeaderEpoch(reader, writer); break;
                case KafkaApi.InitProducerId: InitProducerId(reader, writer); break;
                case KafkaApi.CreateTopics: CreateTopics(reader, writer); break;
                case KafkaApi.DeleteTopics: DeleteTopics(reader, writer); break;
                case KafkaApi.CreatePartitions: CreatePartitions(reader, writer); break;
                case KafkaApi.DeleteRecords: DeleteRecords(reader, writer); break;
                case KafkaApi.DescribeConfigs: DescribeConfigs(reader, writer); break;
                case KafkaApi.IncrementalAlterConfigs: IncrementalAlterConfigs(reader, writer); break;
                case KafkaApi.FindCoordinator: FindCoordinator(reader, writer); break;
                case KafkaApi.Heartbeat: Heartbeat(reader, writer); break;
                case KafkaApi.LeaveGroup: LeaveGroup(reader, writer); break;
                case KafkaApi.OffsetCommit: OffsetCommit(reader, writer); break;
                case KafkaApi.OffsetFetch: OffsetFetch(reader, writer); break;
                case KafkaApi.DescribeGroups: DescribeGroups(reader, writer); break;
                case KafkaApi.ListGroups: ListGroups(writer); break;
                case KafkaApi.DeleteGroups: DeleteGroups(reader, writer); break;
            }
        }

        return writer.Written;
    }

    private void Metadata(WireReader reader, WireWriter writer)
    {
        var asked = reader.NullableArray(r => r.Text());
        var mayCreate = reader.Bool() && _options.AutoCreateTopics;
        reader.Bool();
        reader.Bool();
        var injected = _injected(KafkaApi.Metadata);
        var now = _now();
        writer.Int32(0).Array([Node], n => writer.Int32(n).Text("127.0.0.1").Int32(_port).Text(null)).Text(ClusterId).Int32(Node);
        writer.Array(asked ?? [.. _topics.Values.Where(t => t.KnownAt <= now).Select(t => t.Name)], name =>
        {
            var topic = _topics.GetValueOrDefault(name) is { } found && found.KnownAt <= now ? found : null;
            var error = injected != KafkaError.None ? injected
                : topic is not null ? KafkaError.None
                : !IsName(name) ? KafkaError.InvalidTopic
                : KafkaError.UnknownTopicOrPartition;
            if (error == KafkaError.UnknownTopicOrPartition && mayCreate && !_topics.ContainsKey(name))
            {
                Add(name, 1, new TopicSettings());
            }

            writer.Error(error).Text(name).Bool(false).Array(error == KafkaError.None ? Enumerable.Range(0, topic!.Partitions.Count).ToArray() : [], p =>
                writer.Error(KafkaError.None).Int32(p).Int32(Node).Int32(BrokerPartition.LeaderEpoch).Array([Node], n => writer.Int32(n)).Array([Node], n => writer.Int32(n)).Array<int>([], n => writer.Int32(n)));
            writer.Int32(int.MinValue);
        });
        writer.Int32(int.MinValue);
    }

    private bool Produce(WireReader reader, WireWriter writer)
    {
        reader.NullableText();
        var acks = reader.Int16();
        reader.Int32();
        var injected = _injected(KafkaApi.Produce);
        var now = UnixMilliseconds;
        var isAppended = false;
        var topics = reader.Array(r => (Name: r.Text(), Partitions: r.Array(p => (Index: p.Int32(), Records: p.Bytes()))));
        writer.Array(topics, topic => writer.Text(topic.Name).Array(topic.Partitions, p =>
        {
            var offset = -1L;
            var time = -1L;
            var start = -1L;
            var error = acks is < -1 or > 1 ? KafkaError.InvalidRequiredAcks : injected;
            if (error == KafkaError.None && Led(topic.Name, p.Index, out error) is { } partition)
            {
                var settings = _topics[topic.Name].Settings;
                if (acks == -1 && settings.Number("min.insync.replicas") > 1)
                {
                    error = KafkaError.NotEnoughReplicas;
                }
                else if (RecordBatch.Parse(p.Records, settings, now) is var (batch, refusal) && batch is not null)
                {
                    (error, offset) = partition.Append(batch, settings, now);
                    (time, start) = error == KafkaError.None ? (settings.HasAppendTime ? now : -1, partition.Start) : (-1, -1);
                    isAppended |= error == KafkaError.None;
                }
                else
                {
                    error = refusal;
                }
            }

            writer.Int32(p.Index).Error(error).Int64(offset).Int64(time).Int64(start);
        }));
        writer.Int32(0);
        if (isAppended)
        {
            (var waiting, _appended) = (_appended, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
            waiting.TrySetResult();
        }

        return acks != 0;
    }

    private async Task FetchAsync(WireReader reader, WireWriter writer, CancellationToken cancellationToken)
    {
        reader.Int32();
        var wait = TimeSpan.FromMilliseconds(reader.Int32());
        var minBytes = reader.Int32();
        var maxBytes = reader.Int32();
        reader.Int8();
        reader.Int32();
        reader.Int32();
        var topics = reader.Array(r => (Name: r.Text(), Partitions: r.Array(p =>
        {
            var asked = (Index: p.Int32(), Epoch: p.Int32(), Offset: p.Int64(), MaxBytes: 0);
            p.Int64();
            asked.MaxBytes = p.Int32();
            return asked;
        })));
        var until = _now() + wait;
        KafkaError injected;
        lock (_gate)
        {
            injected = _injected(KafkaApi.Fetch);
        }

        while (true)
        {
            Task news;
            lock (_gate)
            {
                news = _appended.Task;
                var left = maxBytes;
                var bytes = 0;
                var isUrgent = injected != KafkaError.None;
                var found = topics.Select(t => (t.Name, Partitions: t.Partitions.Select(p =>
                {
                    var error = injected;
                    var partition = error == KafkaError.None ? Led(t.Name, p.Index, out error) : null;
                    if (partition is not null)
                    {
                        error = EpochError(p.Epoch) is var stale && stale != KafkaError.None ? stale : p.Offset < partition.Start || p.Offset > partition.End ? KafkaError.OffsetOutOfRange : KafkaError.None;
                    }

                    isUrgent |= error != KafkaError.None;
                    var batches = error == KafkaError.None ? partition!.Read(p.Offset, Math.Min(left, p.MaxBytes), atLeastOne: bytes == 0) : [];
                    var size = batches.Sum(b => b.Length);
                    bytes += size;
                    left = Math.Max(0, left - size);
                    return (p.Index, Error: error, End: error == KafkaError.None ? partition!.End : -1, Start: error == KafkaError.None ? partition!.Start : -1, Batches: batches, Size: size);
                }).ToList())).ToList();
                if (isUrgent || bytes >= minBytes || _now() >= until)
                {
                    writer.Int32(0).Error(KafkaError.None).Int32(0).Array(found, t => writer.Text(t.Name).Array(t.Partitions, p =>
                    {
                        writer.Int32(p.Index).Error(p.Error).Int64(p.End).Int64(p.End).Int64(p.Start).Int32(-1).Int32(-1);
                        var records = new byte[p.Size];
                        var at = 0;
                        foreach (var batch in p.Batches)
                        {
                            batch.CopyTo(records.AsMemory(at));
                            at += batch.Length;
                        }

                        writer.Bytes(records);
                    }));
                    return;
                }
            }

            var rest = until - _now();
            await Task.WhenAny(news, Task.Delay(rest > TimeSpan.Zero ? rest : TimeSpan.Zero, TimeProvider.System, cancellationToken)).ConfigureAwait(false);
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    private void ListOffsets(WireReader reader, WireWriter writer)
    {
        reader.Int32();
        reader.Int8();
        var injected = _injected(KafkaApi.ListOffsets);
        var topics = reader.Array(r => (Name: r.Text(), Partitions: r.Array(p => (Index: p.Int32(), Epoch: p.Int32(), Time: p.Int64()))));
        writer.Int32(0).Array(topics, t => writer.Text(t.Name).Array(t.Partitions, p =>
        {
            var error = injected;
            var (offset, time) = (-1L, -1L);
            if (error == KafkaError.None && Led(t.Name, p.Index, out error) is { } partition && (error = EpochError(p.Epoch)) == KafkaError.None)
            {
                switch (p.Time)
                {
                    case -1:
                        offset = partition.End;
                        break;
                    case -2:
                        offset = partition.Start;
                        break;
                    case < 0:
                        // -3 and below are questions of newer versions.
                        error = KafkaError.UnsupportedVersion;
                        break;
                    default:
                        (offset, time) = partition.Find(p.Time) ?? (-1, -1);
                        break;
                }
            }

            writer.Int32(p.Index).Error(error).Int64(time).Int64(offset).Int32(offset < 0 ? -1 : BrokerPartition.LeaderEpoch);
        }));
    }

    private void OffsetForLeaderEpoch(WireReader reader, WireWriter writer)
    {
        var topics = reader.Array(r => (Name: r.Text(), Partitions: r.Array(p => (Index: p.Int32(), Current: p.Int32(), Epoch: p.Int32()))));
        writer.Int32(0).Array(topics, t => writer.Text(t.Name).Array(t.Partitions, p =>
        {
            var partition = Led(t.Name, p.Index, out var error);
            error = partition is null ? error : EpochError(p.Current);
            var isKnown = error == KafkaError.None && p.Epoch <= BrokerPartition.LeaderEpoch;
            writer.Error(error).Int32(p.Index).Int32(isKnown ? BrokerPartition.LeaderEpoch : -1).Int64(isKnown ? partition!.End : -1);
        }));
    }

    private void InitProducerId(WireReader reader, WireWriter writer)
    {
        var error = reader.NullableText() is null ? _injected(KafkaApi.InitProducerId) : KafkaError.InvalidRequest;
        writer.Int32(0).Error(error).Int64(error == KafkaError.None ? _producerIds++ : -1).Int16(error == KafkaError.None ? 0 : -1);
    }

    private void CreateTopics(WireReader reader, WireWriter writer)
    {
        var topics = reader.Array(r => (
            Name: r.Text(),
            Partitions: r.Int32(),
            Replicas: r.Int16(),
            Assignments: r.Array(a => (a.Int32(), a.Array(b => b.Int32()))),
            Settings: r.Array(s => (Name: s.Text(), Value: s.NullableText()))));
        reader.Int32();
        var isTrial = reader.Bool();
        writer.Int32(0).Array(topics, t =>
        {
            var settings = new TopicSettings();
            var wrong = t.Settings.Select(s => settings.Set(s.Name, s.Value)).FirstOrDefault(w => w is not null);
            var (error, message) = _injected(KafkaApi.CreateTopics) is var injected && injected != KafkaError.None ? (injected, "told to")
                : !IsName(t.Name) ? (KafkaError.InvalidTopic, "an illegal name")
                : _topics.ContainsKey(t.Name) ? (KafkaError.TopicAlreadyExists, $"Topic '{t.Name}' already exists.")
                : _topics.Keys.FirstOrDefault(k => MetricName(k) == MetricName(t.Name)) is { } other ? (KafkaError.InvalidTopic, $"Topic '{t.Name}' collides with existing topic: {other}")
                : t.Partitions is 0 or < -1 ? (KafkaError.InvalidPartitions, "Number of partitions was set to an invalid non-positive value.")
                : t.Replicas is not (-1 or 1) ? (KafkaError.InvalidReplicationFactor, $"Unable to replicate the partition {t.Replicas} time(s): only 1 broker(s) are registered.")
                : wrong is not null ? (KafkaError.InvalidConfig, wrong)
                : (KafkaError.None, (string?)null);
            if (error == KafkaError.None && !isTrial)
            {
                Add(t.Name, t.Partitions == -1 ? 1 : t.Partitions, settings);
            }

            writer.Text(t.Name).Error(error).Text(message);
        });
    }

    private void DeleteTopics(WireReader reader, WireWriter writer)
    {
        var names = reader.Array(r => r.Text());
        writer.Int32(0).Array(names, name =>
        {
            var error = _injected(KafkaApi.DeleteTopics) is var injected && injected != KafkaError.None ? injected : _topics.Remove(name) ? KafkaError.None : KafkaError.UnknownTopicOrPartition;
            foreach (var group in _groups.Values)
            {
                foreach (var position in group.Offsets.Keys.Where(k => error == KafkaError.None && k.Topic == name).ToList())
                {
                    group.Offsets.Remove(position);
                }
            }

            writer.Text(name).Error(error);
        });
    }

    private void CreatePartitions(WireReader reader, WireWriter writer)
    {
        var topics = reader.Array(r => (Name: r.Text(), Count: r.Int32(), Assignments: r.NullableArray(a => a.Array(b => b.Int32()))));
        reader.Int32();
        var isTrial = reader.Bool();
        writer.Int32(0).Array(topics, t =>
        {
            var (error, message) = !_topics.TryGetValue(t.Name, out var topic) ? (KafkaError.UnknownTopicOrPartition, "This server does not host this topic-partition.")
                : t.Count <= topic.Partitions.Count ? (KafkaError.InvalidPartitions, $"The topic currently has {topic.Partitions.Count} partition(s); {t.Count} would not be an increase.")
                : (KafkaError.None, (string?)null);
            while (error == KafkaError.None && !isTrial && topic!.Partitions.Count < t.Count)
            {
                topic.Partitions.Add(new BrokerPartition());
            }

            writer.Text(t.Name).Error(error).Text(message);
        });
    }

    private void DeleteRecords(WireReader reader, WireWriter writer)
    {
        var topics = reader.Array(r => (Name: r.Text(), Partitions: r.Array(p => (Index: p.Int32(), Before: p.Int64()))));
        reader.Int32();
        writer.Int32(0).Array(topics, t => writer.Text(t.Name).Array(t.Partitions, p =>
        {
            var partition = Led(t.Name, p.Index, out var error);
            if (partition is not null)
            {
                var before = p.Before == -1 ? partition.End : p.Before;
                error = !_topics[t.Name].Settings.Deletes ? KafkaError.PolicyViolation : before < 0 || before > partition.End ? KafkaError.OffsetOutOfRange : KafkaError.None;
                if (error == KafkaError.None)
                {
                    partition.RemoveBefore(before);
                }
            }

            writer.Int32(p.Index).Int64(error == KafkaError.None ? partition!.Start : -1).Error(error);
        }));
    }

    private void DescribeConfigs(WireReader reader, WireWriter writer)
    {
        var resources = reader.Array(r => (Type: r.Int8(), Name: r.Text(), Keys: r.NullableArray(k => k.Text())));
        reader.Bool();
        writer.Int32(0).Array(resources, r =>
        {
            var topic = Topic(r.Type, r.Name, KafkaApi.DescribeConfigs, out var error);
            writer.Error(error).Text(error == KafkaError.None ? null : error.ToString()).Int8(r.Type).Text(r.Name);
            writer.Array(topic is null ? [] : [.. TopicSettings.Names.Where(n => r.Keys?.Contains(n) ?? true)], (string name) =>
                writer.Text(name).Text(topic!.Settings[name]).Bool(false).Int8(topic.Settings.IsSet(name) ? 1 : 5).Bool(false).Array<int>([], s => writer.Int32(s)));
        });
    }

    private void IncrementalAlterConfigs(WireReader reader, WireWriter writer)
    {
        var resources = reader.Array(r => (Type: r.Int8(), Name: r.Text(), Settings: r.Array(s => (Name: s.Text(), Operation: s.Int8(), Value: s.NullableText()))));
        var isTrial = reader.Bool();
        writer.Int32(0).Array(resources, r =>
        {
            string? message = null;
            if (Topic(r.Type, r.Name, KafkaApi.IncrementalAlterConfigs, out var error) is { } topic)
            {
                var settings = topic.Settings.Copy();
                foreach (var (name, operation, value) in r.Settings)
                {
                    // 0 sets, 1 takes back to the default, 2 and 3 are for lists.
                    message ??= operation is 0 or 1 ? settings.Set(name, operation == 0 ? value : null) : $"Can't apply operation {operation} to {name}";
                }

                error = message is null ? KafkaError.None : KafkaError.InvalidConfig;
                topic.Settings = error == KafkaError.None && !isTrial ? settings : topic.Settings;
            }

            writer.Error(error).Text(message).Int8(r.Type).Text(r.Name);
        });
    }

    private void FindCoordinator(WireReader reader, WireWriter writer)
    {
        reader.Text();
        reader.Int8();
        var now = _now();
        if (_coordinatorAsked is null)
        {
            _coordinatorAsked = now;
            _loadedAt = now + _options.OffsetsTopicCreation + _options.CoordinatorLoad;
        }

        var error = _injected(KafkaApi.FindCoordinator) is var injected && injected != KafkaError.None ? injected
            : now < _coordinatorAsked + _options.OffsetsTopicCreation ? KafkaError.CoordinatorNotAvailable
            : KafkaError.None;
        writer.Int32(0).Error(error).Text(null).Int32(error == KafkaError.None ? Node : -1).Text(error == KafkaError.None ? "127.0.0.1" : "").Int32(error == KafkaError.None ? _port : -1);
    }

    private async Task JoinAsync(string client, WireReader reader, WireWriter writer, CancellationToken cancellationToken)
    {
        var group = reader.Text();
        var (session, rebalance) = (TimeSpan.FromMilliseconds(reader.Int32()), TimeSpan.FromMilliseconds(reader.Int32()));
        var member = reader.Text();
        reader.NullableText();
        var request = new BrokerGroup.JoinRequest(client, member, session, rebalance, reader.Text(), reader.Array(p => (p.Text(), p.Bytes())));
        Task<BrokerGroup.JoinAnswer> joining;
        lock (_gate)
        {
            joining = GroupError(group, KafkaApi.JoinGroup) is var error && error != KafkaError.None
                ? Task.FromResult(new BrokerGroup.JoinAnswer(error, -1, "", "", member, []))
                : Group(group).JoinAsync(request, _now());
        }

        var answer = await joining.WaitAsync(cancellationToken).ConfigureAwait(false);
        writer.Int32(0).Error(answer.Error).Int32(answer.Generation).Text(answer.Protocol).Text(answer.Leader).Text(answer.MemberId).Array(answer.Members, m => writer.Text(m.Id).Text(null).Bytes(m.Metadata));
    }

    private async Task SyncAsync(WireReader reader, WireWriter writer, CancellationToken cancellationToken)
    {
        var group = reader.Text();
        var generation = reader.Int32();
        var member = reader.Text();
        reader.NullableText();
        var assignments = reader.Array(a => (a.Text(), a.Bytes()));
        Task<(KafkaError Error, ReadOnlyMemory<byte> Assignment)> syncing;
        lock (_gate)
        {
            syncing = GroupError(group, KafkaApi.SyncGroup) is var refused && refused != KafkaError.None
                ? Task.FromResult<(KafkaError, ReadOnlyMemory<byte>)>((refused, default))
                : Group(group).SyncAsync(member, generation, assignments, _now());
        }

        var (error, assignment) = await syncing.WaitAsync(cancellationToken).ConfigureAwait(false);
        writer.Int32(0).Error(error).Bytes(assignment);
    }

    private void Heartbeat(WireReader reader, WireWriter writer)
    {
        var group = reader.Text();
        var generation = reader.Int32();
        var member = reader.Text();
        var error = GroupError(group, KafkaApi.Heartbeat) is var refused && refused != KafkaError.None ? refused : Group(group).Heartbeat(member, generation, _now());
        writer.Int32(0).Error(error);
    }

    private void LeaveGroup(WireReader reader, WireWriter writer)
    {
        var group = reader.Text();
        var member = reader.Text();
        var error = GroupError(group, KafkaApi.LeaveGroup) is var refused && refused != KafkaError.None ? refused : Group(group).Leave(member, _now());
        writer.Int32(0).Error(error);
    }

    private void OffsetCommit(WireReader reader, WireWriter writer)
    {
        var group = reader.Text();
        var generation = reader.Int32();
        var member = reader.Text();
        reader.NullableText();
        var error = GroupError(group, KafkaApi.OffsetCommit) is var refused && refused != KafkaError.None ? refused : Group(group).MayCommit(member, generation, _now());
        var topics = reader.Array(r => (Name: r.Text(), Partitions: r.Array(p =>
        {
            var (index, offset) = (p.Int32(), p.Int64());
            p.Int32();
            return (Index: index, Offset: offset, Metadata: p.NullableText());
        })));
        writer.Int32(0).Array(topics, t => writer.Text(t.Name).Array(t.Partitions, p =>
        {
            var result = error != KafkaError.None ? error : _topics.TryGetValue(t.Name, out var topic) && p.Index < topic.Partitions.Count ? KafkaError.None : KafkaError.UnknownTopicOrPartition;
            if (result == KafkaError.None)
            {
                Group(group).Offsets[(t.Name, p.Index)] = (p.Offset, p.Metadata);
            }

            writer.Int32(p.Index).Error(result);
        }));
    }

    private void OffsetFetch(WireReader reader, WireWriter writer)
    {
        var name = reader.Text();
        var error = GroupError(name, KafkaApi.OffsetFetch);
        var group = _groups.GetValueOrDefault(name);
        var topics = reader.NullableArray(r => (Name: r.Text(), Partitions: r.Array(p => p.Int32())))
            ?? group?.Offsets.Keys.GroupBy(k => k.Topic).Select(g => (Name: g.Key, Partitions: g.Select(k => k.Partition).ToList())).ToList() ?? [];
        writer.Int32(0).Array(error == KafkaError.None ? topics : [], t => writer.Text(t.Name).Array(t.Partitions, p =>
        {
            var (offset, metadata) = group?.Offsets.GetValueOrDefault((t.Name, p), (-1, "")) ?? (-1, "");
            writer.Int32(p).Int64(offset).Int32(-1).Text(metadata).Error(KafkaError.None);
        }));
        writer.Error(error);
    }

    private void DescribeGroups(WireReader reader, WireWriter writer)
    {
        var names = reader.Array(r => r.Text());
        writer.Int32(0).Array(names, name =>
        {
            var group = _groups.GetValueOrDefault(name);
            writer.Error(GroupError(name, KafkaApi.DescribeGroups)).Text(name).Text(group?.State ?? "Dead").Text(group?.ProtocolType ?? "").Text(group?.Protocol ?? "");
            writer.Array(group?.Members ?? [], m => writer.Text(m.Id).Text(null).Text(m.ClientId).Text("/127.0.0.1").Bytes(m.Protocols.FirstOrDefault(p => p.Name == group!.Protocol).Metadata).Bytes(m.Assignment));
            writer.Int32(int.MinValue);
        });
    }

    private void ListGroups(WireWriter writer) =>
        writer.Int32(0).Error(_injected(KafkaApi.ListGroups)).Array(_groups.Values, g => writer.Text(g.Name).Text(g.ProtocolType));

    private void DeleteGroups(WireReader reader, WireWriter writer)
    {
        var names = reader.Array(r => r.Text());
        writer.Int32(0).Array(names, name =>
        {
            var error = GroupError(name, KafkaApi.DeleteGroups) is var refused && refused != KafkaError.None ? refused
                : !_groups.TryGetValue(name, out var group) ? KafkaError.GroupIdNotFound
                : !group.IsEmpty ? KafkaError.NonEmptyGroup
                : KafkaError.None;
            if (error == KafkaError.None)
            {
                _groups.Remove(name);
            }

            writer.Text(name).Error(error);
        });
    }

    private BrokerGroup Group(string name) => _groups.TryGetValue(name, out var group) ? group : _groups[name] = new BrokerGroup(name, _options.InitialRebalanceDelay);

    /// <summary>What the coordinator says to every request while it is not there, or to a name that is none.</summary>
    private KafkaError GroupError(string group, KafkaApi api) =>
        _injected(api) is var injected && injected != KafkaError.None ? injected
        : group.Length == 0 ? KafkaError.InvalidGroupId
        : _coordinatorAsked is null ? KafkaError.NotCoordinator
        : _now() < _loadedAt ? KafkaError.CoordinatorLoadInProgress
        : KafkaError.None;

    private static KafkaError EpochError(int epoch) =>
        epoch < 0 || epoch == BrokerPartition.LeaderEpoch ? KafkaError.None : epoch < BrokerPartition.LeaderEpoch ? KafkaError.FencedLeaderEpoch : KafkaError.UnknownLeaderEpoch;

    /// <summary>A partition that this broker knows and leads by now.</summary>
    private BrokerPartition? Led(string name, int index, out KafkaError error)
    {
        var now = _now();
        if (!_topics.TryGetValue(name, out var topic) || topic.KnownAt > now || index < 0 || index >= topic.Partitions.Count)
        {
            error = KafkaError.UnknownTopicOrPartition;
            return null;
        }

        error = topic.LedAt > now ? KafkaError.NotLeaderOrFollower : KafkaError.None;
        return error == KafkaError.None ? topic.Partitions[index] : null;
    }

    private BrokerTopic? Topic(int type, string name, KafkaApi api, out KafkaError error)
    {
        // Resource type 2 is a topic.
        BrokerTopic? topic = null;
        error = _injected(api) is var injected && injected != KafkaError.None ? injected
            : type != 2 ? KafkaError.InvalidRequest
            : _topics.TryGetValue(name, out topic) && topic.KnownAt <= _now() ? KafkaError.None
            : KafkaError.UnknownTopicOrPartition;
        return error == KafkaError.None ? topic : null;
    }

    private void Add(string name, int partitions, TopicSettings settings)
    {
        var known = _now() + _options.TopicPropagation;
        _topics[name] = new BrokerTopic(name, partitions, settings, known, known + _options.LeaderPropagation);
    }

    private static bool IsName(string name) =>
        name.Length is > 0 and <= LongestName && name is not ("." or "..") && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-');

    /// <summary>Names that differ in '.' and '_' only would share their metrics.</summary>
    private static string MetricName(string name) => name.Replace('.', '_').ToString(CultureInfo.InvariantCulture);
}
