using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Logging;
using Monitoring.Contracts;
using Monitoring.EventLog;
using Monitoring.Statistics;

namespace Monitoring.Detection;

/// <summary>
/// One partition of a group: decodes events, runs models and monitors on them, writes findings and checkpoints (RUNTIME 3 and 4). Findings are a function
/// of the log and of where configurations were switched; batches, threads, kills and new owners do not show in them.
/// </summary>
internal sealed partial class PartitionProcessor : IPartitionProcessor
{
    private static readonly StateKey s_configurationKey = new("", "", "", "configuration");
    private static readonly StateKey s_unlistedKey = new("", "", "", "unlisted");

    /// <summary>Catching up, statuses are looked at this often; at the end of the log, after every hand-over.</summary>
    private static readonly TimeSpan s_statusInterval = TimeSpan.FromSeconds(1);

    /// <summary>The next checkpoint waits until this many times the last one's duration have gone by: with thousands of busy monitors writing them takes at most a tenth of the time.</summary>
    private const int CheckpointShare = 10;

    /// <summary>Rows read before their monitors work on them: they are still in the cache then, and few batches live at once.</summary>
    private const int RowsInHand = 2048;

    /// <summary>Unwatched models remembered, so that their events cost nothing; names come from events and must not fill the memory.</summary>
    private const int MaxUnwatched = 10_000;
    private readonly IEventLog _log;
    private readonly PartitionAssignment _assignment;
    private readonly RuntimeServices _services;
    private readonly MonitorGroupOptions _options;
    private readonly DetectionMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Func<MonitorGroupConfiguration> _wanted;
    private readonly CheckpointLog _checkpoints;
    private readonly Dictionary<(string Model, string Version), ModelRuntime> _models = [];
    private readonly SortedDictionary<(string Model, string Version), MonitorStatus[]> _statuses = new(Comparer<(string Model, string Version)>.Create(static (a, b) =>
        string.CompareOrdinal(a.Model, b.Model) is var order && order != 0 ? order : string.CompareOrdinal(a.Version, b.Version)));
    private readonly HashSet<ModelRuntime> _touched = [];
    private readonly HashSet<(string Model, string Version)> _unwatched = [];
    private readonly EventReader _reader = new();
    private readonly List<(MonitorRuntime Monitor, IReadOnlyList<RowBatch> Batches, int Rows)> _work = [];
    private readonly List<string> _unlisted = [];
    private readonly List<LogRecord> _unsent = [];
    private readonly List<LogRecord> _unsentChanges = [];
    private readonly List<StateKey> _leftOver = [];
    private MonitorGroupConfiguration _configuration;
    private string _configurationSha256;
    private bool _configurationChanged = true;
    private bool _unlistedChanged;
    private long _switchAt = long.MaxValue;
    private long _next;
    private long _atCheckpoint = -1;
    private long _checkpointTime;
    private TimeSpan _checkpointTook;
    private long _statusTime;
    private MonitorStatus[] _published = [];
    private (long From, long To)? _gap;

    /// <param name="log">The log.</param>
    /// <param name="assignment">What this member owns.</param>
    /// <param name="services">Kinds, profiles, build.</param>
    /// <param name="options">How the group runs.</param>
    /// <param name="wanted">The newest valid configuration; a change is taken over at the next batch.</param>
    /// <param name="metrics">Meter.</param>
    /// <param name="time">For the cadence of checkpoints and metrics only.</param>
    /// <param name="logger">Log for people.</param>
    public PartitionProcessor(
        IEventLog log,
        PartitionAssignment assignment,
        RuntimeServices services,
        MonitorGroupOptions options,
        Func<MonitorGroupConfiguration> wanted,
        DetectionMetrics metrics,
        TimeProvider time,
        ILogger logger)
    {
        _log = log;
        _assignment = assignment;
        _services = services;
        _options = options;
        _wanted = wanted;
        _metrics = metrics;
        _time = time;
        _logger = logger;
        _configuration = wanted();
        _configurationSha256 = _configuration.Sha256();
        _checkpoints = new CheckpointLog(log, assignment.Group, assignment.Partition, assignment.PartitionCount);
    }

    /// <summary>Offset of the next record.</summary>
    internal long Next => _next;

    /// <summary>Statuses of all monitors.</summary>
    internal IReadOnlyList<MonitorStatus> Status() =>
        [.. _models.Values.OrderBy(m => m.Name, StringComparer.Ordinal).ThenBy(m => m.Version, StringComparer.Ordinal).SelectMany(m => m.Status(_assignment.Partition))];

    public async ValueTask<long?> StartAsync(CancellationToken cancellationToken)
    {
        var began = _time.GetTimestamp();
        _metrics.Lost(_assignment.Group, 0);
        await _checkpoints.EnsureTopicAsync(cancellationToken).ConfigureAwait(false);
        await _log.EnsureTopicAsync(new TopicDefinition(Topics.DeadLetters(_assignment.Topic, _assignment.Group), _assignment.PartitionCount, TimeSpan.FromDays(30)), cancellationToken).ConfigureAwait(false);
        await _log.EnsureTopicAsync(new TopicDefinition(Topics.Changes, 1), cancellationToken).ConfigureAwait(false);
        var state = await _checkpoints.RestoreAsync(_assignment.OwnerEpoch, cancellationToken).ConfigureAwait(false);
        if (state.LateRecords > 0)
        {
            _metrics.Late(_assignment.Group, state.LateRecords);
            LogLateRecords(_assignment.Group, _assignment.Partition, state.LateRecords);
        }

        var range = await _log.GetOffsetsAsync(_assignment.Topic, _assignment.Partition, cancellationToken).ConfigureAwait(false);
        if (state.Manifest is not { } manifest)
        {
            _next = range.Start;
            _checkpointTime = _time.GetTimestamp();
            _metrics.Publish(_assignment.Group, _assignment.Partition, new PartitionProgress(Status(), _next, range.End - _next, TimeSpan.Zero));
            return range.Start;
        }

        if (manifest.PartitionCount != _assignment.PartitionCount)
        {
            throw new StateMismatchException(
                $"topic {_assignment.Topic} has {_assignment.PartitionCount} partitions, but the state of group {_assignment.Group} was made with {manifest.PartitionCount}: models have moved between partitions. "
                + $"Go back to {manifest.PartitionCount} partitions, or delete topic {Topics.State(_assignment.Group)} to start the evidence anew");
        }

        if (manifest.ResumeOffset > range.End)
        {
            throw new StateMismatchException(
                $"the state of group {_assignment.Group} stands at offset {manifest.ResumeOffset} of {_assignment.Topic}/{_assignment.Partition}, but the log ends at {range.End}: the log was replaced or lost its end. "
                + $"Restore the log, or delete topic {Topics.State(_assignment.Group)} to start the evidence anew");
        }

        if (state.Values.TryGetValue(s_configurationKey, out var configuration) && !string.Equals(manifest.ConfigurationSha256, _configurationSha256, StringComparison.Ordinal))
        {
            // Findings up to the log's end may already be written under the old configuration: finish with it what may have been begun.
            _configuration = MonitorGroupConfiguration.FromBytes(configuration);
            _configurationSha256 = _configuration.Sha256();
            _switchAt = range.End;
        }

        _configurationChanged = false;
        Restore(state.Values);
        _next = manifest.ResumeOffset;
        if (manifest.ResumeOffset < range.Start)
        {
            _gap = (manifest.ResumeOffset, range.Start);
            _metrics.Lost(_assignment.Group, range.Start - manifest.ResumeOffset);
            LogGap(_assignment.Group, _assignment.Partition, manifest.ResumeOffset, range.Start);
            _next = range.Start;
        }

        _atCheckpoint = manifest.ResumeOffset;
        _checkpointTime = _time.GetTimestamp();
        _metrics.Restore(_assignment.Group, _time.GetElapsedTime(began));
        _metrics.Publish(_assignment.Group, _assignment.Partition, new PartitionProgress(Status(), _next, range.End - _next, TimeSpan.Zero));
        return _next;
    }

    public async ValueTask ProcessAsync(IReadOnlyList<LogEntry> batch, CancellationToken cancellationToken)
    {
        var began = _time.GetTimestamp();
        var start = 0;
        while (start < batch.Count)
        {
            if (_switchAt == long.MaxValue && _wanted() is var wanted && !ReferenceEquals(wanted, _configuration) && !string.Equals(wanted.Sha256(), _configurationSha256, StringComparison.Ordinal))
            {
                _switchAt = batch[start].Offset;
            }

            if (batch[start].Offset >= _switchAt)
            {
                await SwitchAsync(batch[start].Offset, cancellationToken).ConfigureAwait(false);
            }

            var count = 0;
            while (start + count < batch.Count && batch[start + count].Offset < _switchAt)
            {
                count++;
            }

            await ProcessPartAsync(batch, start, count, cancellationToken).ConfigureAwait(false);
            start += count;
        }

        _metrics.Batch(_assignment.Group, _time.GetElapsedTime(began));
        var since = _time.GetElapsedTime(_checkpointTime);
        if ((_next - _atCheckpoint >= _options.CheckpointRecords || since >= _options.CheckpointInterval) && since >= CheckpointShare * _checkpointTook)
        {
            await CheckpointAsync(cancellationToken).ConfigureAwait(false);
        }

        var end = (await _log.GetOffsetsAsync(_assignment.Topic, _assignment.Partition, cancellationToken).ConfigureAwait(false)).End;
        var behind = end > _next ? _time.GetUtcNow() - DateTimeOffset.FromUnixTimeMilliseconds(batch[^1].TimeUnixNano / 1_000_000) : TimeSpan.Zero;
        if (end <= _next || _time.GetElapsedTime(_statusTime) >= s_statusInterval)
        {
            _published = StatusNow();
            _statusTime = _time.GetTimestamp();
        }

        _metrics.Publish(_assignment.Group, _assignment.Partition, new PartitionProgress(_published, _next, end - _next, behind));
    }

    /// <summary>As <see cref="Status"/>, looking again only at models touched since the last time: a thousand calm ones cost nothing.</summary>
    private MonitorStatus[] StatusNow()
    {
        if (_statuses.Count != _models.Count)
        {
            _statuses.Clear();
            _touched.UnionWith(_models.Values);
        }

        foreach (var model in _touched)
        {
            _statuses[(model.Name, model.Version)] = [.. model.Status(_assignment.Partition)];
        }

        _touched.Clear();
        return [.. _statuses.Values.SelectMany(s => s)];
    }

    public async ValueTask StopAsync(bool lost, CancellationToken cancellationToken)
    {
        _metrics.Withdraw(_assignment.Group, _assignment.Partition);
        if (!lost)
        {
            await CheckpointAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Findings acknowledged → state acknowledged → manifest → group offset. Nothing is written while this member may not be the owner any
    /// more; the next owner comes to the same findings.
    /// </summary>
    internal async ValueTask CheckpointAsync(CancellationToken cancellationToken)
    {
        if (_next == _atCheckpoint && !_configurationChanged || !_assignment.MayWrite)
        {
            return;
        }

        var began = _time.GetTimestamp();
        await SendAsync(cancellationToken).ConfigureAwait(false);
        using var changes = new StateChanges();
        foreach (var key in _leftOver)
        {
            changes.Remove(key);
        }

        if (_configurationChanged)
        {
            changes.Set(s_configurationKey, _configuration.ToBytes());
        }

        if (_unlistedChanged)
        {
            changes.Set(s_unlistedKey, System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(_unlisted));
        }

        // In pieces: a checkpoint of a thousand models never lies in memory whole.
        foreach (var model in _models.Values)
        {
            model.Collect(changes);
            if (changes.Bytes >= CheckpointLog.AppendBytes)
            {
                await _checkpoints.AppendAsync(changes, cancellationToken).ConfigureAwait(false);
            }
        }

        await _checkpoints.CommitAsync(changes, _next, _configurationSha256, cancellationToken).ConfigureAwait(false);
        _leftOver.Clear();
        _configurationChanged = false;
        _unlistedChanged = false;
        await _assignment.CommitAsync(_next, cancellationToken).ConfigureAwait(false);
        _atCheckpoint = _next;
        _checkpointTime = _time.GetTimestamp();
        _checkpointTook = _time.GetElapsedTime(began);
        _metrics.Checkpoint(_assignment.Group, _checkpointTook);
    }

    private async ValueTask ProcessPartAsync(IReadOnlyList<LogEntry> batch, int start, int count, CancellationToken cancellationToken)
    {
        if (count == 0)
        {
            return;
        }

        if (_gap is { } gap)
        {
            _unsent.Add(LostToRetention(gap.From, gap.To, batch[start]));
            _gap = null;
        }

        // People's decisions lie among the events: what comes before one is finished first.
        for (var (at, end) = (start, start + count); at < end;)
        {
            var (models, taken, rearm) = await ReadAsync(batch, at, end - at, cancellationToken).ConfigureAwait(false);
            await ScoreAsync(models, cancellationToken).ConfigureAwait(false);
            at += taken;
            _next = batch[at - 1].Offset + 1;
            _metrics.Consumed(_assignment.Group, taken);
            if (rearm is not null)
            {
                Rearm(rearm, batch[at - 1].Offset);
            }
        }

        await SendAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Reads the models' rows, lets their monitors work, and numbers what they found.</summary>
    private async ValueTask ScoreAsync(List<ModelRuntime> models, CancellationToken cancellationToken)
    {
        var drafts = new List<FindingDraft>();
        var rows = 0;
        foreach (var model in models)
        {
            foreach (var (monitors, batches) in await model.ReadAsync(_reader, cancellationToken).ConfigureAwait(false))
            {
                var (count, admitted) = Rows(batches);
                rows += count;
                _metrics.Admitted(_assignment.Group, model.Name, admitted);
                foreach (var monitor in monitors)
                {
                    _work.Add((monitor, batches, count));
                }
            }

            if (rows >= RowsInHand)
            {
                await ApplyAsync(drafts, cancellationToken).ConfigureAwait(false);
                rows = 0;
            }
        }

        await ApplyAsync(drafts, cancellationToken).ConfigureAwait(false);
        Number(drafts);

        static (int Count, int Admitted) Rows(IReadOnlyList<RowBatch> batches)
        {
            var (count, admitted) = (0, 0);
            for (var i = 0; i < batches.Count; i++)
            {
                count += batches[i].Count;
                foreach (ref readonly var row in batches[i].Rows)
                {
                    admitted += row.Admitted ? 1 : 0;
                }
            }

            return (count, admitted);
        }
    }

    private void Rearm(RearmRequest request, long offset)
    {
        foreach (var model in _models.Values.Where(m => string.Equals(m.Name, request.Model, StringComparison.Ordinal)))
        {
            foreach (var monitor in model.Monitors.Where(m => m.Family == request.Family))
            {
                monitor.Rearm(request.Client, offset);
                _touched.Add(model);
                LogRearmed(model.Name, monitor.Watched.Name, request.Author, request.Incident, offset);
            }
        }
    }

    /// <summary>Reads records, up to a person's decision, and gives each model its events. The models in the order of their first event.</summary>
    private async ValueTask<(List<ModelRuntime> Models, int Taken, RearmRequest? Rearm)> ReadAsync(IReadOnlyList<LogEntry> batch, int start, int count, CancellationToken cancellationToken)
    {
        _reader.Reset();
        var models = new List<ModelRuntime>();
        for (var i = start; i < start + count; i++)
        {
            if (!_reader.TryRead(batch[i], out var decoded, out var reason))
            {
                await SetAsideAsync(batch[i], reason, cancellationToken).ConfigureAwait(false);
            }
            else if (decoded.Inputs == 0 && RearmRequest.Is(batch[i]))
            {
                return (models, i - start + 1, RearmRequest.From(decoded.Parse()));
            }
            else if (decoded.Inputs == 0 && decoded.Outputs == 0 && RowLabel.Is(batch[i]))
            {
                // A label does not say which version answered: each looks among its own calls.
                var label = decoded with { Label = decoded.Parse().Label };
                foreach (var version in _models.Values.Where(m => m.Name == decoded.Model).OrderBy(m => m.Version, StringComparer.Ordinal))
                {
                    if (version.Pending.Count == 0)
                    {
                        _touched.Add(version);
                        models.Add(version);
                    }

                    version.Pending.Add(label);
                }
            }
            else if (Model(decoded.Model, decoded.Version) is { } model)
            {
                if (model.Pending.Count == 0 && model.History.Events == 0)
                {
                    Mark(model, decoded.TimeUnixNano);
                }

                if (model.Pending.Count == 0)
                {
                    _touched.Add(model);
                    models.Add(model);
                }

                model.Pending.Add(decoded);
            }
            else
            {
                _metrics.Skipped(_assignment.Group, "unwatched");
            }
        }

        return (models, count, null);
    }

    /// <summary>Every monitor is a world of its own: they run side by side, each in log order.</summary>
    private async ValueTask ApplyAsync(List<FindingDraft> drafts, CancellationToken cancellationToken)
    {
        if (_options.Parallelism > 1 && _work.Count > 1)
        {
            await Parallel.ForEachAsync(
                _work,
                new ParallelOptions { MaxDegreeOfParallelism = _options.Parallelism, CancellationToken = cancellationToken },
                static (item, stop) => item.Monitor.ProcessAsync(item.Batches, stop)).ConfigureAwait(false);
        }
        else
        {
            foreach (var (monitor, batches, _) in _work)
            {
                await monitor.ProcessAsync(batches, cancellationToken).ConfigureAwait(false);
            }
        }

        foreach (var (monitor, batches, rows) in _work)
        {
            _metrics.Scored(batches[0].Model.Name, monitor.Watched.Kind, rows);
            if (monitor.TakeFailures() is var failed && failed > 0)
            {
                _metrics.Failed(batches[0].Model.Name, monitor.Watched.Kind, failed);
                LogFailedRows(batches[0].Model.Name, monitor.Watched.Name, failed, monitor.Failure);
            }

            if (monitor.Findings.Count > 0)
            {
                drafts.AddRange(monitor.Findings);
                monitor.Findings.Clear();
            }
        }

        _work.Clear();
    }

    /// <summary>Order of findings: input offset, row, monitor, and the monitor's own order. The ordinal counts within an offset.</summary>
    private void Number(List<FindingDraft> drafts)
    {
        var offset = -1L;
        var ordinal = 0;
        foreach (var draft in drafts.OrderBy(d => d.Offset).ThenBy(d => d.Row).ThenBy(d => d.MonitorIndex))
        {
            ordinal = draft.Offset == offset ? ordinal + 1 : 0;
            offset = draft.Offset;
            draft.Finding.Position = new Position
            {
                Group = _assignment.Group,
                InputTopic = _assignment.Topic,
                InputPartition = _assignment.Partition,
                InputOffset = offset,
                Ordinal = ordinal,
            };
            _unsent.Add(Record(draft.Finding));
        }
    }

    private LogRecord Record(Finding finding)
    {
        var position = finding.Position;
        var identity = string.Create(CultureInfo.InvariantCulture, $"{position.Group}\n{position.InputTopic}\n{position.InputPartition}\n{position.InputOffset}\n{position.Ordinal}\n{finding.Model}\n{finding.Monitor}");
        finding.Id = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(identity)).AsSpan(0, 16));
        _metrics.Found(finding.Model, finding.Kind, finding.Severity.ToString().ToLowerInvariant());
        return new LogRecord(Encoding.UTF8.GetBytes(finding.Model), Protobuf.Canonical(finding),
        [
            Header(Headers.SpecVersion, "1.0"),
            Header(Headers.Id, finding.Id),
            Header(Headers.Source, "monitoring/" + position.Group),
            Header(Headers.Type, EventTypes.Finding),
            Header(Headers.Time, DateTimeOffset.FromUnixTimeMilliseconds(finding.TimeUnixNano / 1_000_000).ToString("O", CultureInfo.InvariantCulture)),
            Header(Headers.Subject, finding.Model),
            Header(Headers.ContentType, "application/protobuf"),
        ]);
    }

    /// <summary>The first event of a further version is a change that people want to see beside every curve. One id for all groups and repetitions.</summary>
    private void Mark(ModelRuntime model, long timeUnixNano)
    {
        var others = _models.Values.Where(m => m != model && string.Equals(m.Name, model.Name, StringComparison.Ordinal)).Select(m => m.Version).Order(StringComparer.Ordinal).ToList();
        if (others.Count == 0)
        {
            return;
        }

        var change = new Change
        {
            Id = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"deployment\n{model.Name}\n{model.Version}")).AsSpan(0, 16)),
            TimeUnixNano = timeUnixNano,
            Model = model.Name,
            Kind = "deployment",
            Summary = $"{model.Name}: version {model.Version} answers for the first time, after {string.Join(", ", others)}; its inputs are watched as before, its answers are learned",
            Author = "monitoring",
        };
        _unsentChanges.Add(new LogRecord(Encoding.UTF8.GetBytes(model.Name), Protobuf.Canonical(change),
        [
            Header(Headers.SpecVersion, "1.0"),
            Header(Headers.Id, change.Id),
            Header(Headers.Source, "monitoring/" + _assignment.Group),
            Header(Headers.Type, EventTypes.Change),
            Header(Headers.Time, DateTimeOffset.FromUnixTimeMilliseconds(timeUnixNano / 1_000_000).ToString("O", CultureInfo.InvariantCulture)),
            Header(Headers.Subject, model.Name),
            Header(Headers.ContentType, "application/protobuf"),
        ]));
    }

    private static LogHeader Header(string name, string value) => new(name, Encoding.UTF8.GetBytes(value));

    private async ValueTask SendAsync(CancellationToken cancellationToken)
    {
        if (_unsent.Count > 0 && _assignment.MayWrite)
        {
            await _log.AppendAsync(Topics.Findings, [.. _unsent], cancellationToken).ConfigureAwait(false);
            _unsent.Clear();
        }

        if (_unsentChanges.Count > 0 && _assignment.MayWrite)
        {
            await _log.AppendAsync(Topics.Changes, [.. _unsentChanges], cancellationToken).ConfigureAwait(false);
            _unsentChanges.Clear();
        }
    }

    /// <summary>To the dead letters, with the reason.</summary>
    private async ValueTask SetAsideAsync(LogEntry entry, string reason, CancellationToken cancellationToken)
    {
        _metrics.Skipped(_assignment.Group, "undecodable");
        var origin = string.Create(CultureInfo.InvariantCulture, $"{entry.Topic}/{entry.Partition}/{entry.Offset}");
        LogDeadLetter(_assignment.Group, origin, reason);
        await _log.AppendAsync(
            Topics.DeadLetters(_assignment.Topic, _assignment.Group),
            new LogRecord(entry.Key, entry.Value ?? ReadOnlyMemory<byte>.Empty, [.. entry.Headers, Header(Headers.DeadLetterReason, reason), Header(Headers.DeadLetterOrigin, origin)], entry.Partition),
            cancellationToken).ConfigureAwait(false);
    }

    private ModelRuntime? Model(string name, string version)
    {
        if (_models.TryGetValue((name, version), out var model))
        {
            return model;
        }

        if (_unwatched.Contains((name, version)))
        {
            return null;
        }

        if (_configuration.Find(name, version) is not { } entry || entry.Model.Monitors.Count == 0)
        {
            if (_unwatched.Count >= MaxUnwatched)
            {
                _unwatched.Clear();
            }

            _unwatched.Add((name, version));
            return null;
        }

        var share = 1.0;
        if (!entry.Listed)
        {
            var order = _unlisted.IndexOf(name);
            if (order < 0)
            {
                if (_unlisted.Count >= _options.MaxUnlistedModels)
                {
                    return null;
                }

                order = _unlisted.Count;
                _unlisted.Add(name);
                _unlistedChanged = true;
            }

            share = BudgetSplit.ByAppearance(order) / _assignment.PartitionCount;
        }

        model = new ModelRuntime(_services, entry.Model, name, version, _configurationSha256, share) { Predecessor = Predecessor };
        _models.Add((name, version), model);
        return model;
    }

    /// <summary>
    /// The profile whose inputs a new version keeps: the configured one, of whichever version it is, else that of the version that came last and had learned its own before this
    /// offset. A function of log and configuration.
    /// </summary>
    private Profile? Predecessor(ModelRuntime model, long offset) =>
        (model.Watched.ProfileSha256 is { } configured ? _services.Profiles.Find(model.Name, configured) : null)
        ?? _models.Values
            .Where(m => m != model && string.Equals(m.Name, model.Name, StringComparison.Ordinal) && m.OwnProfile is not null && m.ProfileOffset < offset)
            .OrderByDescending(m => m.History.FirstTime).ThenByDescending(m => m.Version, StringComparer.Ordinal)
            .FirstOrDefault()?.OwnProfile;

    private void Restore(SortedDictionary<StateKey, byte[]> values)
    {
        if (values.TryGetValue(s_unlistedKey, out var unlisted))
        {
            _unlisted.AddRange(System.Text.Json.JsonSerializer.Deserialize<List<string>>(unlisted) ?? []);
        }

        // A model's keys side by side: restoring looks at its own only.
        foreach (var group in values.GroupBy(v => (v.Key.Model, v.Key.Version)).Where(g => g.Key.Model.Length > 0).ToList())
        {
            if (Model(group.Key.Model, group.Key.Version) is { } model)
            {
                model.Restore(group.ToDictionary(v => v.Key, v => v.Value));
                var watched = model.Watched.Monitors.Select(m => m.Name).ToHashSet(StringComparer.Ordinal);
                _leftOver.AddRange(group.Where(v => v.Key.Monitor.Length > 0 && !watched.Contains(v.Key.Monitor)).Select(v => v.Key));
            }
            else
            {
                _leftOver.AddRange(group.Select(v => v.Key));
            }
        }
    }

    /// <summary>Checkpoint under the old configuration, switch, checkpoint under the new, all at one offset.</summary>
    private async ValueTask SwitchAsync(long offset, CancellationToken cancellationToken)
    {
        _next = offset;
        _configurationChanged = true;
        await CheckpointAsync(cancellationToken).ConfigureAwait(false);
        if (_configurationChanged)
        {
            throw new EventLogException($"group {_assignment.Group} may not write to partition {_assignment.Partition} now, so it cannot switch its configuration", isTransient: true);
        }

        var state = await _checkpoints.RestoreAsync(_checkpoints.Epoch + 1, cancellationToken).ConfigureAwait(false);
        _configuration = _wanted();
        var before = _configurationSha256;
        _configurationSha256 = _configuration.Sha256();
        _switchAt = long.MaxValue;
        _models.Clear();
        _unwatched.Clear();
        _statuses.Clear();
        _touched.Clear();
        _unlisted.Clear();
        Restore(state.Values);
        _configurationChanged = true;
        await CheckpointAsync(cancellationToken).ConfigureAwait(false);
        LogSwitch(_assignment.Group, _assignment.Partition, offset, before, _configurationSha256);
    }

    private LogRecord LostToRetention(long from, long to, LogEntry first) => Record(new Finding
    {
        Position = new Position
        {
            // A name of its own: consumers keep a high-water mark per group, and this one may lie behind the group's.
            Group = _assignment.Group + "/pipeline",
            InputTopic = _assignment.Topic,
            InputPartition = _assignment.Partition,
            InputOffset = to - 1,
        },
        Monitor = "retention",
        Kind = "retention",
        Family = Family.Pipeline,
        Severity = Severity.Harm,
        Model = "",
        Variable = "",
        PValue = double.NaN,
        LogEvidence = double.NaN,
        LogLevel = double.NaN,
        Score = to - from,
        SinceOffset = from,
        SinceUnixNano = first.TimeUnixNano,
        TimeUnixNano = first.TimeUnixNano,
        Events = to - from,
        Coverage = 0,
        Summary = string.Create(CultureInfo.InvariantCulture, $"data lost to retention: group {_assignment.Group} was away while {to - from} events of {_assignment.Topic}/{_assignment.Partition} (offsets {from} to {to - 1}) were removed; no monitor saw them"),
        Provenance = new Provenance { ConfigurationSha256 = _configurationSha256, Build = _services.Build.Version, Provider = _services.Build.Provider, Cpu = _services.Build.Cpu },
    });

    [LoggerMessage(EventId = 3001, Level = LogLevel.Warning, Message = "group {Group}, partition {Partition}: {Records} state records of a former owner landed late and were left out")]
    private partial void LogLateRecords(string group, int partition, int records);

    [LoggerMessage(EventId = 3002, Level = LogLevel.Error, Message = "group {Group}, partition {Partition}: offsets {From} to {To} were removed by retention before they were read")]
    private partial void LogGap(string group, int partition, long from, long to);

    [LoggerMessage(EventId = 3003, Level = LogLevel.Warning, Message = "group {Group}: record {Origin} went to the dead letters: {Reason}")]
    private partial void LogDeadLetter(string group, string origin, string reason);

    [LoggerMessage(EventId = 3006, Level = LogLevel.Information, Message = "{Model}: monitor {Monitor} is armed again because {Author} closed incident {Incident}, from offset {Offset} on")]
    private partial void LogRearmed(string model, string monitor, string author, string incident, long offset);

    [LoggerMessage(EventId = 3005, Level = LogLevel.Error, Message = "{Model}: monitor {Monitor} could not take {Rows} rows and left them out; the last one: {Reason}")]
    private partial void LogFailedRows(string model, string monitor, long rows, string reason);

    [LoggerMessage(EventId = 3004, Level = LogLevel.Information, Message = "group {Group}, partition {Partition}: configuration switched at offset {Offset}, from {Before} to {After}")]
    private partial void LogSwitch(string group, int partition, long offset, string before, string after);
}
