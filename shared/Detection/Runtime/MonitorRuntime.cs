using System.Buffers;
using System.Globalization;
using System.Text;
using Monitoring.Contracts;
using Monitoring.Statistics;

namespace Monitoring.Detection;

/// <summary>
/// One monitor of one model version in one partition: runs it, turns what it observes into evidence, evidence into alarms inside its share of the
/// budget, alarms into findings. All of it is a function of the rows in log order.
/// </summary>
internal sealed class MonitorRuntime : IObservationSink
{
    private const int MaxSubjects = 100_000;
    private const int MaxAlarmed = 10_000;
    private const byte Format = 3;

    /// <summary>Before the parts of the state of a monitor that works with an earlier version's profile.</summary>
    public const string CarriedPrefix = "carried-";
    private readonly ModelRuntime _model;
    private readonly IMonitorKind _kind;
    private readonly IMonitor _monitor;
    private readonly MonitorProfile _profile;
    private readonly int _index;
    private readonly Severity _severity;
    private readonly FalseAlarmBudget _budget;
    private readonly double _part;
    private readonly EvidenceOptions _options;
    /// <summary>The monitor where all it does with a row is to hand over its scores.</summary>
    private readonly RowScoringMonitor? _scoring;
    private readonly bool[] _perSubject;
    private readonly bool[] _everyRow;
    private readonly bool _anyEveryRow;
    private readonly StreamVariable[][] _streamVariables;
    private readonly StreamVariable[][] _subjectVariables;
    private readonly EvidenceStream[] _streams;
    private readonly double[] _values;
    private readonly double[] _scratch;
    private readonly double[] _subjectValues;
    private readonly SortedDictionary<string, SubjectEvidence> _subjects = new(StringComparer.Ordinal);
    private readonly HashSet<string> _dirtySubjects = new(StringComparer.Ordinal);

    /// <summary>Subjects with a stream that is not armed.</summary>
    private readonly HashSet<string> _latchedSubjects = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, long> _alarmed = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, long> _reported = new(StringComparer.Ordinal);
    private readonly List<string> _forgotten = [];
    private long _forgottenSubjects;
    private readonly bool _clientsUncalibrated;
    private readonly string _prefix;

    /// <summary>As of the row being applied; the model's own is at the end of the batch already.</summary>
    private readonly TrafficHistory _history = new();

    /// <summary>Of a monitor of drift: what a finding tells about columns.</summary>
    private readonly ChangeReference? _changes;
    private readonly RecentRows? _recent;
    private RowBatch? _rows;
    private int _row;

    /// <summary>The place of the label being applied; null while a row is.</summary>
    private RowInfo? _label;
    private bool _expected;
    private string _subject = "";
    private bool _observed;
    private bool _subjectObserved;
    private bool _changed;
    private long _nextOrder;
    private ulong _digest;
    private long _failuresTaken;

    /// <param name="model">The model version.</param>
    /// <param name="index">Place of the monitor in the model's list.</param>
    /// <param name="watched">Its configuration.</param>
    /// <param name="kind">Its kind.</param>
    /// <param name="profile">What it learned.</param>
    /// <param name="appearance">1 for a listed model, else its share of the unlisted models' part.</param>
    /// <param name="carried">The profile is an earlier version's: only its inputs count, and the state is kept apart from that of the monitor that follows.</param>
    public MonitorRuntime(ModelRuntime model, int index, WatchedMonitor watched, IMonitorKind kind, MonitorProfile profile, double appearance, bool carried = false)
    {
        _prefix = carried ? CarriedPrefix : "";
        _model = model;
        _index = index;
        Watched = watched;
        _kind = kind;
        var options = MonitorOptions.Create(kind, watched.Options);
        Identity = string.Join('\n', watched.Kind, MonitorOptions.Canonical(options), model.PartSha256(watched.Name));
        _monitor = kind.Create(new MonitorContext(watched.Name, model.Description!, options, profile.Parameters, ProfileFitter.Seed(watched.Name, model.Description!)));
        _profile = profile = carried ? CarriedProfile.Inputs(profile, _monitor.Variables) : profile;
        if (_monitor.Variables.Count != profile.Variables.Count)
        {
            throw new InvalidDataException($"monitor {watched.Name}: {_monitor.Variables.Count} variables, but its profile has {profile.Variables.Count}");
        }

        _severity = watched.Severity ?? kind.DefaultSeverity;
        _budget = new FalseAlarmBudget(watched.BudgetAlarms, watched.BudgetPeriod);
        _options = new EvidenceOptions { Tolerance = model.Watched.Tolerance };
        _values = new double[_monitor.Variables.Count];
        _subjectValues = new double[_monitor.Variables.Count];
        _scratch = new double[_monitor.Variables.Count];
        Array.Fill(_values, double.NaN);
        Array.Fill(_subjectValues, double.NaN);

        _perSubject = [.. _monitor.Variables.Select(v => v.PerSubject)];
        _everyRow = [.. _monitor.Variables.Select(v => v.EveryRow)];
        _anyEveryRow = _everyRow.Contains(true);
        _scoring = _perSubject.Contains(true) ? null : _monitor as RowScoringMonitor;
        var variables = _monitor.Variables.Select((v, i) => new StreamVariable(i, v, profile.Variables[i])).ToList();
        _clientsUncalibrated = variables.Exists(v => v.Variable.PerSubject && v.Variable.Type != VariableType.Bet && v.Profile.Concentration is null);
        _streamVariables = Combine(variables.Where(v => !v.Variable.PerSubject));
        _subjectVariables = Combine(variables.Where(v => v.Variable.PerSubject));
        var parts = _streamVariables.Length + _subjectVariables.Length + (_monitor.HoldsEvidence ? 1 : 0);
        _part = parts == 0 ? 0 : watched.Share * appearance / model.Watched.Shards / parts;
        _streams = [.. _streamVariables.Select(v => new EvidenceStream(v, Level(_part), model.UnitNano, _options))];
        _changes = kind.Family == Family.Drift && _streams.Length > 0 ? model.Changes : null;
        _recent = _changes is null ? null : new RecentRows(_changes);
    }

    public WatchedMonitor Watched { get; }

    /// <summary>Kind, options and the monitor's own part of the profile: state made under another identity is not taken over.</summary>
    public string Identity { get; }

    public Family Family => _kind.Family;

    /// <summary>Findings since they were last taken, in the order of the rows.</summary>
    public List<FindingDraft> Findings { get; } = [];

    public ulong Digest => _digest;

    /// <summary>Rows that the monitor could not take, and the last reason.</summary>
    public long FailedRows { get; private set; }

    public string Failure { get; private set; } = "";

    /// <summary>Rows that failed since the last call.</summary>
    public long TakeFailures()
    {
        var failed = FailedRows - _failuresTaken;
        _failuresTaken = FailedRows;
        return failed;
    }

    /// <summary>
    /// Takes batches in log order. A row on which the monitor throws is left out, counted and lowers coverage; it does not stop the others, and how rows are cut into
    /// batches does not show.
    /// </summary>
    public async ValueTask ProcessAsync(IReadOnlyList<RowBatch> batches, CancellationToken cancellationToken)
    {
        foreach (var batch in batches)
        {
            _changed |= batch.Count > 0;
            if (batch.Count == 0)
            {
                ApplyLabels(batch, 0, 0);
                continue;
            }

            MonitorScores? scores = null;
            try
            {
                scores = await _monitor.ScoreAsync(batch, cancellationToken).ConfigureAwait(false);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                Failure = e.Message;
            }

            if (scores is not null)
            {
                _rows = batch;
                var label = 0;
                for (_row = 0; _row < batch.Count; _row++)
                {
                    label = ApplyLabels(batch, label, _row);
                    Apply(scores);
                }

                _row = batch.Count - 1;
                ApplyLabels(batch, label, batch.Count);
                continue;
            }

            // One row broke the batch: find it by itself.
            var next = 0;
            for (var row = 0; row < batch.Count; row++)
            {
                next = ApplyLabels(batch, next, row);
                var one = batch.Slice(row, 1);
                try
                {
                    scores = await _monitor.ScoreAsync(one, cancellationToken).ConfigureAwait(false);
                }
                catch (Exception e) when (e is not OperationCanceledException)
                {
                    Fail(e);
                    continue;
                }

                _rows = one;
                _row = 0;
                Apply(scores);
            }

            ApplyLabels(batch, next, batch.Count);
        }

        // Of a thousand models each would keep its last events alive.
        _rows = null;
    }

    public void Observe(int variable, double value, string subject = "")
    {
        if (!_everyRow[variable] && !At.Admitted)
        {
            return;
        }

        if (_perSubject[variable])
        {
            if (subject.Length > 0)
            {
                TakeSubject(subject);
                _subjectValues[variable] = value;
                _subjectObserved = true;
            }
        }
        else if (!_expected)
        {
            _values[variable] = value;
            _observed = true;
        }
    }

    public void Bet(int variable, double logIncrement, string subject = "")
    {
        if (double.IsNaN(logIncrement) || double.IsPositiveInfinity(logIncrement))
        {
            throw new InvalidOperationException($"monitor {Watched.Name} of kind {Watched.Kind} bet {logIncrement} on {_monitor.Variables[variable].Name}");
        }

        var before = !_perSubject[variable] ? _values[variable] : string.Equals(subject, _subject, StringComparison.Ordinal) ? _subjectValues[variable] : double.NaN;
        Observe(variable, double.IsNaN(before) ? logIncrement : before + logIncrement, subject);
    }

    public void Evidence(string subject, double logEvidence, long sinceOffset, long sinceUnixNano, string client = "")
    {
        ArgumentException.ThrowIfNullOrEmpty(subject);
        var row = At;
        Hash(row, BitConverter.DoubleToUInt64Bits(logEvidence));
        var logLevel = Math.Log(Math.Max(2, _budget.Period.Ticks * 100.0 / RowNano() / (_budget.Alarms * _part)));
        if (_alarmed.ContainsKey(subject))
        {
            if (logEvidence < logLevel / 2)
            {
                _alarmed.Remove(subject);
            }

            return;
        }

        if (!(logEvidence >= logLevel))
        {
            return;
        }

        if (_alarmed.Count >= MaxAlarmed)
        {
            _alarmed.Remove(_alarmed.MinBy(a => a.Value).Key);
        }

        _alarmed.Add(subject, row.Offset);
        var finding = Draft(row, client, _severity);
        finding.Score = logEvidence;
        finding.LogEvidence = logEvidence;
        finding.LogLevel = logLevel;
        finding.SinceOffset = sinceOffset;
        finding.SinceUnixNano = sinceUnixNano;
        finding.Events = _history.EventsSince(sinceOffset);
        finding.Coverage = _history.CoverageSince(sinceOffset);
        finding.Summary = client.Length > 0
            ? $"{_kind.Name} found a pattern in the queries of client {client} to {_model.Name} since {Time(sinceUnixNano)}"
            : $"{_kind.Name} found a pattern in the queries to {_model.Name} since {Time(sinceUnixNano)}";
        finding.SampleEventIds.Add(row.EventId);
        Describe(finding, new AlarmContext(_rows!, _row, subject, -1, logEvidence, logLevel));
        Findings.Add(new FindingDraft(finding, row.Offset, row.EventRow, _index));
    }

    public void Report(CertainFinding found)
    {
        var row = At;
        Hash(row, StableHash.Of(found.Key));
        if (_reported.TryGetValue(found.Key, out var until) && row.TimeUnixNano < until)
        {
            return;
        }

        if (_reported.Count >= MaxAlarmed)
        {
            foreach (var key in _reported.Where(r => r.Value <= row.TimeUnixNano).Select(r => r.Key).ToList())
            {
                _reported.Remove(key);
            }

            if (_reported.Count >= MaxAlarmed)
            {
                _reported.Remove(_reported.MinBy(r => r.Value).Key);
            }
        }

        _reported[found.Key] = row.TimeUnixNano + (found.Quiet.Ticks * 100);
        var finding = Draft(row, found.Client, found.Severity ?? _severity);
        finding.Variable = found.Variable;
        finding.Score = found.Score;
        finding.LogEvidence = double.NaN;
        finding.LogLevel = double.NaN;
        finding.SinceOffset = row.Offset;
        finding.SinceUnixNano = row.TimeUnixNano;
        finding.Draws = 1;
        finding.Events = 1;
        finding.Coverage = _history.Coverage;
        finding.Summary = found.Summary;
        finding.SampleEventIds.Add(row.EventId);
        finding.SampleEventIds.AddRange(found.SampleEventIds.Where(id => id != row.EventId).Take(15));
        finding.Measures.AddRange(found.Measures.OrderBy(m => m.Name, StringComparer.Ordinal).Select(m => new Measure { Name = m.Name, Value = m.Value }));
        Findings.Add(new FindingDraft(finding, row.Offset, row.EventRow, _index));
    }

    /// <summary>A person closed an incident about the model's traffic, or about one client.</summary>
    public void Rearm(string client, long offset)
    {
        if (client.Length == 0)
        {
            foreach (var stream in _streams)
            {
                stream.Rearm();
            }

            _alarmed.Clear();
        }
        else
        {
            if (_subjects.TryGetValue(client, out var evidence))
            {
                foreach (var stream in evidence.Streams)
                {
                    stream.Rearm();
                }

                Latch(client, evidence);
                _dirtySubjects.Add(client);
            }

            _alarmed.Remove(client);
        }

        _monitor.Rearm(client);
        _changed = true;
        _digest = StableHash.Combine(_digest, StableHash.Combine(StableHash.Of(client), (ulong)offset));
    }

    public MonitorStatus Status(int partition)
    {
        EvidenceStream? strongest = null;
        var alarmed = _alarmed.Count > 0 || _latchedSubjects.Count > 0;
        var draws = 0L;
        foreach (var stream in _streams)
        {
            strongest = strongest is null || stream.Value > strongest.Value ? stream : strongest;
            alarmed |= !stream.IsArmed;
            draws = Math.Max(draws, stream.Draws);
        }

        var reason = Uncalibrated();
        var state = Watched.Muted ? MonitorState.Muted : reason.Length > 0 ? MonitorState.Uncalibrated : alarmed ? MonitorState.Alarmed : MonitorState.Armed;
        return new MonitorStatus(
            _model.Description!.Name,
            _model.Description.Version,
            Watched.Name,
            Watched.Kind,
            partition,
            state,
            reason.Length > 0 || FailedRows == 0 ? reason.Length > 0 ? reason : _model.CarriedNote : string.Create(CultureInfo.InvariantCulture, $"{FailedRows} rows could not be scored, the last one because: {Failure}"),
            0,
            0,
            null,
            strongest?.LogEvidence ?? double.NegativeInfinity,
            strongest?.LogLevel ?? double.NaN,
            draws,
            _subjects.Count,
            _history.Coverage,
            _model.ProfileSha256,
            _digest.ToString("x16", CultureInfo.InvariantCulture))
        {
            Measures = _monitor.Measures,
            ProfileDistance = _model.DistanceToFirst,

            // Of the two tables, of evidence and of the monitor's own, the one that forgot more: most clients are in both.
            ForgottenClients = Math.Max(_forgottenSubjects, _monitor.State?.Forgotten ?? 0),
        };
    }

    /// <summary>Adds what changed since the last call.</summary>
    public void Collect(StateChanges changes)
    {
        foreach (var subject in _forgotten)
        {
            if (!_subjects.ContainsKey(subject))
            {
                changes.Remove(Key("subject", subject));
            }
        }

        _forgotten.Clear();
        foreach (var subject in _dirtySubjects.Order(StringComparer.Ordinal))
        {
            if (_subjects.TryGetValue(subject, out var evidence))
            {
                evidence.Save(changes);
                changes.Set(Key("subject", subject));
            }
        }

        _dirtySubjects.Clear();
        if (_monitor.State is { } state)
        {
            var dirty = new List<string>();
            state.TakeDirtyKeys(dirty);
            foreach (var key in dirty)
            {
                if (state.Save(key, changes))
                {
                    changes.Set(Key("own", key));
                }
                else
                {
                    changes.Remove(Key("own", key));
                }
            }
        }

        if (_changed)
        {
            Save(changes);
            changes.Set(Key("evidence", ""));
            _changed = false;
        }
    }

    /// <summary>Takes back what <see cref="Collect"/> gave, unless it was made by another kind, with other options, or by what another profile says of the monitor.</summary>
    /// <returns>False when the state is not of this monitor: it starts anew.</returns>
    public bool Restore(IReadOnlyDictionary<StateKey, byte[]> values)
    {
        if (!values.TryGetValue(Key("evidence", ""), out var bytes))
        {
            return true;
        }

        var reader = new CanonicalReader(bytes);
        if (reader.ReadByte() != Format || !string.Equals(Encoding.UTF8.GetString(reader.ReadBytes()), Identity, StringComparison.Ordinal))
        {
            return false;
        }

        _digest = reader.ReadUInt64();
        _nextOrder = reader.ReadCount();
        ReadTimes(ref reader, _alarmed);
        ReadTimes(ref reader, _reported);
        if (reader.ReadByte() == 1)
        {
            _history.CopyFrom(_model.Watching);
        }
        else
        {
            _history.Restore(ref reader);
        }

        foreach (var stream in _streams)
        {
            stream.Restore(ref reader);
        }

        _recent?.Restore(ref reader);
        reader.ExpectEnd();
        foreach (var (key, value) in values)
        {
            if (!string.Equals(key.Model, _model.Name, StringComparison.Ordinal) || !string.Equals(key.Version, _model.Version, StringComparison.Ordinal) || !string.Equals(key.Monitor, Watched.Name, StringComparison.Ordinal))
            {
                continue;
            }

            if (string.Equals(key.Part, _prefix + "subject", StringComparison.Ordinal))
            {
                _subjects.Add(key.Key, SubjectEvidence.Restore(value, SubjectStreams));
                Latch(key.Key, _subjects[key.Key]);
            }
            else if (string.Equals(key.Part, _prefix + "own", StringComparison.Ordinal))
            {
                var state = _monitor.State ?? throw new InvalidDataException($"monitor {Watched.Name} keeps no state, but a checkpoint has some");
                state.Restore(key.Key, value);
            }
        }

        return true;

        static void ReadTimes(ref CanonicalReader reader, SortedDictionary<string, long> target)
        {
            var count = reader.ReadLength(2);
            for (var i = 0; i < count; i++)
            {
                var key = Encoding.UTF8.GetString(reader.ReadBytes());
                target.Add(key, reader.ReadSigned());
            }
        }
    }

    private static StreamVariable[][] Combine(IEnumerable<StreamVariable> variables)
    {
        var usable = variables.Where(v => v.Variable.Type == VariableType.Bet || v.Profile.Reference is not null).ToList();
        var together = usable.Where(v => !v.Variable.OwnAlarm && v.Variable.Type != VariableType.Bet).ToArray();
        var bets = usable.Where(v => !v.Variable.OwnAlarm && v.Variable.Type == VariableType.Bet).ToArray();
        return [.. new[] { together, bets }.Where(s => s.Length > 0), .. usable.Where(v => v.Variable.OwnAlarm).Select(v => new[] { v })];
    }

    private static string Time(long unixNano) =>
        DateTimeOffset.FromUnixTimeMilliseconds(unixNano / 1_000_000).ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture) + " UTC";

    private static string Number(double value) => value.ToString("G4", CultureInfo.InvariantCulture);

    /// <summary>Log time between rows: the smaller of the fitted and the observed mean, so that busier traffic than fitted keeps the budget.</summary>
    private double RowNano()
    {
        var smaller = Math.Min(_model.FittedRowNano, _history.MeanRowNano);
        return double.IsInfinity(smaller) ? _model.UnitNano : Math.Max(1, smaller);
    }

    private StateKey Key(string part, string key) => new(_model.Name, _model.Version, Watched.Name, _prefix + part, key);

    private double Level(double share) => share > 0 ? _budget.Level(share, TimeSpan.FromTicks(Math.Max(1, _model.UnitNano / 100))) : double.MaxValue;

    private EvidenceStream[] SubjectStreams(long order) =>
        [.. _subjectVariables.Select(v => new EvidenceStream(v, Level(_part * BudgetSplit.ByAppearance(order)) * v.Max(x => x.Profile.LevelFactor), _model.UnitNano, _options))];

    private string Uncalibrated() =>
        _profile.Uncalibrated.Length > 0 ? _profile.Uncalibrated
        : Array.Exists(_streams, static s => s.UncoveredDraws > 0) ? "traffic at hours that the reference does not cover"
        : _clientsUncalibrated ? "the reference does not show how honest clients differ"
        : _monitor.Variables.Count > 0 && _streams.Length == 0 && _subjectVariables.Length == 0 ? "too few clean values"
        : "";

    private void Save(IBufferWriter<byte> output)
    {
        var writer = new CanonicalWriter(output);
        writer.WriteByte(Format);
        writer.WriteBytes(Encoding.UTF8.GetBytes(Identity));
        writer.WriteUInt64(_digest);
        writer.WriteCount(_nextOrder);
        foreach (var times in new[] { _alarmed, _reported })
        {
            writer.WriteCount(times.Count);
            foreach (var (key, time) in times)
            {
                writer.WriteBytes(Encoding.UTF8.GetBytes(key));
                writer.WriteSigned(time);
            }
        }

        var watching = _history.Equals(_model.Watching);
        writer.WriteByte(watching ? (byte)1 : (byte)0);
        if (!watching)
        {
            _history.Save(writer);
        }

        foreach (var stream in _streams)
        {
            stream.Save(writer);
        }

        _recent?.Save(writer);
    }

    /// <summary>What the sink is told about: the row being applied, or the label.</summary>
    private RowInfo At => _label ?? _rows!.Rows[_row];

    /// <summary>Applies the labels that come before a row; returns the next one.</summary>
    private int ApplyLabels(RowBatch batch, int label, int row)
    {
        for (; label < batch.Labels.Count && batch.Labels[label].RowsBefore <= row; label++)
        {
            if (_monitor is not ILabelledMonitor labelled)
            {
                continue;
            }

            _changed = true;
            _rows ??= batch;
            var found = batch.Labels[label];
            var id = found.Label.EventId.Length > 0 ? found.Label.EventId : found.Label.FeedbackId;
            _label = new RowInfo(id, StableHash.Of(found.Label.FeedbackId), 0, "", found.TimeUnixNano, found.Offset, 0, 0, Admitted: true);
            try
            {
                labelled.ApplyLabel(found, this);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                Fail(e);
            }

            _label = null;
        }

        return label;
    }

    private void Apply(MonitorScores scores)
    {
        ref readonly var info = ref _rows!.Rows[_row];
        if (info.EventRow == 0)
        {
            _history.Add(_rows.Facts(info.Event), info.Offset, info.TimeUnixNano);
        }

        _history.AddRow();
        _expected = _model.IsExpected(info.Client);
        if (_recent is not null && info.Admitted && !_expected)
        {
            _recent.Add(_rows.Input(_row), info.Offset);
        }

        if (_scoring is not null)
        {
            Take(scores.Row(_row), info.Admitted);
            Flush();
            return;
        }

        try
        {
            _monitor.Apply(_rows, _row, scores, this);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            Fail(e);
            _observed = false;
            _subjectObserved = false;
            Array.Fill(_values, double.NaN);
            Array.Fill(_subjectValues, double.NaN);
            return;
        }

        Flush();
    }

    /// <summary>What <see cref="RowScoringMonitor.Apply"/> would observe.</summary>
    private void Take(ReadOnlySpan<float> scores, bool admitted)
    {
        if (_expected || !(admitted || _anyEveryRow))
        {
            return;
        }

        for (var v = 0; v < scores.Length; v++)
        {
            if (admitted || _everyRow[v])
            {
                _values[v] = scores[v];
                _observed = true;
            }
        }
    }

    private void Fail(Exception exception)
    {
        FailedRows++;
        Failure = exception.Message;
    }

    private void TakeSubject(string subject)
    {
        if (!string.Equals(subject, _subject, StringComparison.Ordinal))
        {
            FlushSubject();
            _subject = subject;
        }
    }

    private void Flush()
    {
        if (_observed)
        {
            _observed = false;
            for (var s = 0; s < _streams.Length; s++)
            {
                Draw(_streams[s], _values, "");
            }

            Array.Fill(_values, double.NaN);
        }

        FlushSubject();
    }

    private void FlushSubject()
    {
        if (!_subjectObserved)
        {
            return;
        }

        _subjectObserved = false;
        if (!_subjects.TryGetValue(_subject, out var evidence))
        {
            Evict();
            evidence = new SubjectEvidence(_nextOrder, SubjectStreams(_nextOrder));
            _nextOrder++;
            _subjects.Add(_subject, evidence);
        }

        _dirtySubjects.Add(_subject);
        foreach (var stream in evidence.Streams)
        {
            Draw(stream, _subjectValues, _subject);
        }

        Latch(_subject, evidence);

        Array.Fill(_subjectValues, double.NaN);
    }

    private void Latch(string subject, SubjectEvidence evidence)
    {
        if (evidence.Streams.Any(s => !s.IsArmed))
        {
            _latchedSubjects.Add(subject);
        }
        else
        {
            _latchedSubjects.Remove(subject);
        }
    }

    /// <summary>Makes room by forgetting the tenth of the subjects that were silent longest.</summary>
    private void Evict()
    {
        if (_subjects.Count < MaxSubjects)
        {
            return;
        }

        foreach (var name in _subjects.OrderBy(s => s.Value.Streams.Max(e => e.LastTime)).ThenBy(s => s.Value.Order).Take(MaxSubjects / 10).Select(s => s.Key).ToList())
        {
            _subjects.Remove(name);
            _latchedSubjects.Remove(name);
            _forgotten.Add(name);
            _forgottenSubjects++;
        }
    }

    private void Draw(EvidenceStream stream, double[] values, string subject)
    {
        var indices = stream.Indices;
        var any = false;
        for (var i = 0; i < indices.Length; i++)
        {
            _scratch[i] = values[indices[i]];
            any |= !double.IsNaN(_scratch[i]);
        }

        if (!any)
        {
            return;
        }

        var row = At;
        var seen = stream.Draw(_scratch.AsSpan(0, indices.Length), row, _model.SlotOf(row.TimeUnixNano));
        Hash(row, BitConverter.DoubleToUInt64Bits(stream.Value));
        if (seen == LatchEvent.Alarm)
        {
            Raise(stream, subject, row);
        }

        if (seen is LatchEvent.Alarm or LatchEvent.StillAlarmed)
        {
            stream.Restarted();
        }
    }

    private void Raise(EvidenceStream stream, string subject, in RowInfo row)
    {
        var contributions = stream.Contributions().ToList();
        var (index, _) = contributions[0];
        var strongest = stream.Variables[index];
        var since = stream.SinceOffset;
        var finding = Draft(row, subject, strongest.Variable.OwnAlarm ? strongest.Variable.Severity ?? _severity : _severity);
        finding.Variable = strongest.Variable.Name;
        finding.Score = stream.LastValue(index);
        finding.LogEvidence = stream.LogEvidence;
        finding.LogLevel = stream.LogLevel;
        finding.SinceOffset = since;
        finding.SinceUnixNano = _history.TimeOf(since);
        finding.Draws = stream.Draws - stream.DrawsAtRestart;
        finding.Events = _history.EventsSince(since);
        finding.Coverage = _history.CoverageSince(since);
        finding.SampleEventIds.AddRange(stream.SampleEventIds());
        if (EffectOf(stream, index) is { } effect)
        {
            finding.Effect = effect;
        }

        foreach (var (i, share) in contributions.Take(10).Where(c => c.Share > 0))
        {
            var contribution = new Contribution { Variable = stream.Variables[i].Variable.Name, LogEvidence = stream.LogEvidence + Math.Log(share) };
            if (EffectOf(stream, i) is { } own)
            {
                contribution.Effect = own;
            }

            finding.Contributions.Add(contribution);
        }

        finding.Summary = Sentence(finding, subject, strongest);
        Describe(finding, new AlarmContext(_rows!, _row, subject, strongest.Index, stream.LogEvidence, stream.LogLevel));
        if (_changes is not null && subject.Length == 0)
        {
            finding.Summary += ChangeStory.Tell(finding, _changes, _recent!.Since(since), _model.Description!.Schema);
        }

        Findings.Add(new FindingDraft(finding, row.Offset, row.EventRow, _index));
    }

    private static Effect? EffectOf(EvidenceStream stream, int index)
    {
        var variable = stream.Variables[index];
        return variable.Variable.Type != VariableType.Numeric || !double.IsFinite(variable.Profile.Mean) ? null : new Effect
        {
            Measure = variable.Profile.StandardDeviation > 0 ? "shift-sd" : "shift",
            Reference = variable.Profile.Mean,
            Observed = stream.RecentMean(index),
            Size = (stream.RecentMean(index) - variable.Profile.Mean) / (variable.Profile.StandardDeviation > 0 ? variable.Profile.StandardDeviation : 1),
        };
    }

    private string Sentence(Finding finding, string subject, StreamVariable variable)
    {
        var who = subject.Length > 0 ? $"client {subject} of {finding.Model}" : finding.Model;
        var what = finding.Effect is { } effect
            ? $"'{finding.Variable}' is about {Number(effect.Observed)}{Unit(variable)}, usually {Number(effect.Reference)}{Unit(variable)}"
            : $"'{finding.Variable}' is not distributed as usual";
        return $"{who}: {what}, since {Time(finding.SinceUnixNano)}";

        static string Unit(StreamVariable v) => v.Variable.Unit.Length > 0 ? " " + v.Variable.Unit : "";
    }

    private Finding Draft(in RowInfo row, string client, Severity severity)
    {
        var told = Watched.Muted || (client.Length > 0 && (_model.IsExpected(client) || _clientsUncalibrated)) || Uncalibrated().Length > 0 ? Severity.Record : severity;
        return new Finding
        {
            Monitor = Watched.Name,
            Kind = Watched.Kind,
            Family = _kind.Family,
            Severity = told,
            Model = _model.Description!.Name,
            ModelVersion = _model.Description.Version,
            Client = client,
            PValue = double.NaN,
            TimeUnixNano = row.TimeUnixNano,
            AtlasTechnique = _kind.AtlasTechnique,
            Provenance = _model.Provenance(),
        };
    }

    private void Describe(Finding finding, AlarmContext alarm)
    {
        var details = new FindingDetails();
        _monitor.Describe(alarm, details);
        finding.Summary = details.Summary ?? finding.Summary;
        finding.Variable = details.Variable ?? finding.Variable;
        finding.Measures.AddRange(details.Measures.Select(m => new Measure { Name = m.Key, Value = m.Value }));
        if (details.SampleEventIds.Count > 0)
        {
            finding.SampleEventIds.Clear();
            finding.SampleEventIds.AddRange(details.SampleEventIds.Take(16));
        }

        finding.Clients.AddRange(details.Clients.Take(100));
        if (details.Effect is { } effect)
        {
            finding.Effect = new Effect { Measure = effect.Measure, Reference = effect.Reference, Observed = effect.Observed, Size = effect.Size };
        }
    }

    private void Hash(in RowInfo row, ulong bits) =>
        _digest = StableHash.Combine(_digest, StableHash.Combine(bits, StableHash.Combine((ulong)row.Offset, (ulong)row.EventRow)));
}
