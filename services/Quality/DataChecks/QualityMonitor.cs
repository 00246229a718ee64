using System.Buffers;
using System.Globalization;
using System.Text;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Quality;

/// <summary>
/// Every check of every column is a rate with a bound from the reference, and every one holds evidence of its own that it fails more often (<see cref="CheckEvidence"/>) or, for columns that
/// stopped moving, that a run of one value is longer than chance (SR ← (SR + 1)/p(v) on a repeat of v, 0 otherwise). Each owns an equal part of the monitor's budget, so a
/// thousand columns page no more often than one. What the schema declares and one row breaks is also told at once, as a ticket.
/// </summary>
internal sealed class QualityMonitor : IMonitor, IMonitorState
{
    private const double Saturation = 1e30;

    /// <summary>Draws after which evidence that stands still is looked at again, so that it calms down.</summary>
    private const long Revisit = 64;

    /// <summary>Unreadable events of one client within this are one draw: a client that retries is not a broken system.</summary>
    private const long SchemaGapNano = 60_000_000_000;

    /// <summary>Fewest rows in a row, one and the same, that are called frozen; and how many times longer than any such run before.</summary>
    private const int FrozenRows = 100;
    private const int FrozenTimes = 10;

    private const string Schema = "schema";
    private readonly CheckedColumn[] _columns;
    private readonly QualityOptions _options;
    private readonly double[] _low;
    private readonly double[] _high;
    private readonly Run[] _runs;
    private readonly SortedDictionary<string, CheckEvidence> _checks = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _byName = new(StringComparer.Ordinal);
    private readonly double _share;
    private readonly double _schemaRate;
    private long _draws;
    private string _schemaClient = "";
    private long _schemaTime = long.MinValue;
    private bool _dirty;

    /// <summary>The run of identical rows that the newest row belongs to, independent or not, and the longest one that has ended.</summary>
    private Repeat _repeat;
    private long _longestRepeat;

    /// <param name="columns">What is checked.</param>
    /// <param name="referenceRows">Rows of the reference.</param>
    /// <param name="longestRepeat">Its longest run of identical rows.</param>
    /// <param name="options">Options.</param>
    public QualityMonitor(CheckedColumn[] columns, int referenceRows, int longestRepeat, QualityOptions options)
    {
        _columns = columns;
        _longestRepeat = longestRepeat;
        _options = options;
        _low = new double[columns.Length];
        _high = new double[columns.Length];
        _runs = new Run[columns.Length];
        var checks = 1;
        for (var c = 0; c < columns.Length; c++)
        {
            var column = columns[c];
            _byName.TryAdd(column.Name, c);
            var range = column.Maximum > column.Minimum ? column.Maximum - column.Minimum : Math.Max(1, Math.Abs(column.Maximum));
            _low[c] = column.Feature.Minimum ?? (column.Minimum - (options.AbsurdRanges * range));
            _high[c] = column.Feature.Maximum ?? (column.Maximum + (options.AbsurdRanges * range));
            _runs[c].Last = float.NaN;
            checks += column.Feature.Type == FeatureType.Categorical ? 3 : 4;
        }

        _share = 1.0 / checks;
        _schemaRate = UsualRate.UpperBound(0, referenceRows);
    }

    public IReadOnlyList<Variable> Variables { get; } = [];

    public IMonitorState State => this;

    /// <summary>A category code that is not in the schema's list.</summary>
    public static bool IsUnknown(FeatureSchema feature, float value) => value < 0 || value >= feature.Categories.Count || value != MathF.Floor(value);

    public ValueTask<MonitorScores> ScoreAsync(RowBatch rows, CancellationToken cancellationToken) => ValueTask.FromResult(MonitorScores.Empty);

    public void Apply(RowBatch rows, int row, MonitorScores scores, IObservationSink sink)
    {
        _dirty = true;
        var info = rows.Rows[row];
        var input = rows.Input(row);
        LookForFrozen(info, sink);
        if (!info.Admitted)
        {
            if (IsUnreadable(input))
            {
                Unreadable(rows, info, sink);
            }

            return;
        }

        _draws++;
        for (var c = 0; c < _columns.Length; c++)
        {
            var column = _columns[c];
            var values = column.Feature.Type == FeatureType.Image ? input.Slice(column.Start, column.Feature.Width) : input.Slice(column.Start, 1);
            var isWhole = Check(c, column, values, info, sink);
            Move(c, column, isWhole ? CheckedColumn.Level(column.Feature, values) : float.NaN, info, sink);
        }

        if (_draws % Revisit == 0)
        {
            CalmDown(sink);
        }
    }

    public void Rearm(string client)
    {
        if (client.Length > 0)
        {
            return;
        }

        _repeat = default;

        _checks.Clear();
        foreach (ref var run in _runs.AsSpan())
        {
            run = new Run { Last = float.NaN };
        }

        _dirty = true;
    }

    public void Describe(AlarmContext alarm, FindingDetails details)
    {
        var colon = alarm.Subject.IndexOf(':', StringComparison.Ordinal);
        var (check, name) = colon < 0 ? (alarm.Subject, "") : (alarm.Subject[..colon], alarm.Subject[(colon + 1)..]);
        if (check == "constant")
        {
            var run = _runs[_byName[name]];
            details.Variable = name;
            details.Summary = string.Create(CultureInfo.InvariantCulture, $"{name} has not changed for {run.Length + 1} independent rows; in the reference its values repeat in at most {_columns[_byName[name]].Repeats[run.Last]:P2} of them");
            details.Measures["rows"] = run.Length + 1;
            return;
        }

        var evidence = _checks[alarm.Subject];
        var rows = _draws - evidence.SinceDraw + 1;
        var share = (double)evidence.Failures / rows;
        var usual = RateOf(alarm.Subject);
        details.Measures["rows"] = rows;
        details.Measures["failing"] = evidence.Failures;
        details.Effect = ("share of rows", usual, share, share - usual);
        details.Variable = name;
        var what = check switch
        {
            "missing" => $"{name} is missing",
            "infinite" => $"{name} is infinite",
            "unseen" => $"{name} holds a category that the reference does not know",
            Schema => "the event does not fit the model's schema",
            _ when _columns[_byName[name]].Feature is { Minimum: null, Maximum: null } => $"{name} is far outside of the reference's [{_columns[_byName[name]].Minimum.ToString("G6", CultureInfo.InvariantCulture)}, {_columns[_byName[name]].Maximum.ToString("G6", CultureInfo.InvariantCulture)}]",
            _ => $"{name} is outside of the allowed [{_low[_byName[name]].ToString("G6", CultureInfo.InvariantCulture)}, {_high[_byName[name]].ToString("G6", CultureInfo.InvariantCulture)}]",
        };
        details.Summary = string.Create(CultureInfo.InvariantCulture, $"{what} in {evidence.Failures} of the last {rows} independent rows; usual is at most {usual:P2}");
    }

    public void TakeDirtyKeys(ICollection<string> keys)
    {
        if (_dirty)
        {
            keys.Add("");
            _dirty = false;
        }
    }

    public bool Save(string key, IBufferWriter<byte> output)
    {
        var writer = new CanonicalWriter(output);
        writer.WriteByte(3);
        writer.WriteUInt64(_repeat.Hash);
        writer.WriteCount(_repeat.Length);
        writer.WriteSigned(_repeat.Time);
        writer.WriteCount(_longestRepeat);
        writer.WriteCount(_columns.Length);
        writer.WriteCount(_draws);
        writer.WriteBytes(Encoding.UTF8.GetBytes(_schemaClient));
        writer.WriteSigned(_schemaTime);
        foreach (var run in _runs)
        {
            writer.WriteDouble(run.Last);
            writer.WriteDouble(run.Evidence);
            writer.WriteCount(run.Length);
            writer.WriteSigned(run.Offset);
            writer.WriteSigned(run.Time);
        }

        writer.WriteCount(_checks.Count);
        foreach (var (name, evidence) in _checks)
        {
            writer.WriteBytes(Encoding.UTF8.GetBytes(name));
            evidence.Save(writer);
        }

        return true;
    }

    public void Restore(string key, ReadOnlySpan<byte> value)
    {
        var reader = new CanonicalReader(value);
        if (reader.ReadByte() != 3)
        {
            throw new InvalidDataException("quality: state of another version");
        }

        _repeat = new Repeat { Hash = reader.ReadUInt64(), Length = reader.ReadCount(), Time = reader.ReadSigned() };
        _longestRepeat = reader.ReadCount();
        if (reader.ReadCount() != _columns.Length)
        {
            throw new InvalidDataException("quality: state of another number of columns");
        }

        _draws = reader.ReadCount();
        _schemaClient = Encoding.UTF8.GetString(reader.ReadBytes());
        _schemaTime = reader.ReadSigned();
        for (var c = 0; c < _columns.Length; c++)
        {
            _runs[c] = new Run { Last = (float)reader.ReadDouble(), Evidence = reader.ReadDouble(), Length = reader.ReadCount(), Offset = reader.ReadSigned(), Time = reader.ReadSigned() };
        }

        var count = reader.ReadLength(8);
        for (var i = 0; i < count; i++)
        {
            var name = Encoding.UTF8.GetString(reader.ReadBytes());
            var evidence = Evidence(name);
            evidence.Restore(ref reader);
        }

        reader.ExpectEnd();
    }

    /// <summary>
    /// A feed that is frozen whole sends one row again and again: exact repeats, which are no independent rows, so that no check sees them and every monitor goes without draws. A fact, no statistics: told once a run, as a
    /// ticket, when the run is ten times as long as any before, of the reference or of the traffic. A probe that sends one row while nobody else calls is told once, and not again until it goes on ten times as long.
    /// </summary>
    private void LookForFrozen(in RowInfo info, IObservationSink sink)
    {
        if (info.InputHash != _repeat.Hash || _repeat.Length == 0)
        {
            _longestRepeat = Math.Max(_longestRepeat, _repeat.Length);
            _repeat = new Repeat { Hash = info.InputHash, Time = info.TimeUnixNano };
        }

        _repeat.Length++;
        if (_repeat.Length == Math.Max(FrozenRows, FrozenTimes * _longestRepeat))
        {
            var since = DateTimeOffset.FromUnixTimeMilliseconds(_repeat.Time / 1_000_000).ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);
            sink.Report(new CertainFinding("frozen", string.Create(CultureInfo.InvariantCulture, $"the last {_repeat.Length} rows are one and the same, since {since} UTC; before, at most {_longestRepeat} were: the feed stands still, and no monitor gets an independent row from it"))
            {
                Severity = Severity.Change,
                Client = info.Client,
                Score = _repeat.Length,
                Measures = [("identical rows", _repeat.Length), ("usual at most", _longestRepeat)],
            });
        }
    }

    private static double Rate(string check, CheckedColumn column) => check switch
    {
        "missing" => column.MissingRate,
        "infinite" => column.InfiniteRate,
        "unseen" => column.UnseenRate,
        _ => column.RangeRate,
    };

    /// <summary>The runtime makes one row of NaN of an event that it cannot read as rows of the model.</summary>
    private static bool IsUnreadable(ReadOnlySpan<float> input)
    {
        foreach (var value in input)
        {
            if (!float.IsNaN(value))
            {
                return false;
            }
        }

        return !input.IsEmpty;
    }

    private CheckEvidence Evidence(string subject)
    {
        if (!_checks.TryGetValue(subject, out var evidence))
        {
            _checks.Add(subject, evidence = new CheckEvidence(RateOf(subject)));
            evidence.PassTo(_draws);
        }

        return evidence;
    }

    private void Unreadable(RowBatch rows, in RowInfo info, IObservationSink sink)
    {
        var violation = rows.Events.Count > info.Event && rows.Events[info.Event].Violations is { Count: > 0 } violations ? $": {violations[0].Feature} {violations[0].Kind} {violations[0].Detail}" : "";
        sink.Report(new CertainFinding(Schema, $"an event does not fit the model's schema{violation}") { Severity = Severity.Change, Client = info.Client });
        if (info.Client == _schemaClient && info.TimeUnixNano < _schemaTime + SchemaGapNano)
        {
            return;
        }

        (_schemaClient, _schemaTime) = (info.Client, info.TimeUnixNano);
        _draws++;
        Fail(Schema, info, sink);
    }

    /// <returns>True when nothing is wrong with the values: what is broken already is not called stuck as well.</returns>
    private bool Check(int c, CheckedColumn column, ReadOnlySpan<float> values, in RowInfo info, IObservationSink sink)
    {
        bool missing = false, infinite = false;
        var outside = float.NaN;
        foreach (var value in values)
        {
            missing |= float.IsNaN(value);
            infinite |= float.IsInfinity(value);
            outside = float.IsFinite(value) && (value < _low[c] || value > _high[c]) ? value : outside;
        }

        if (missing)
        {
            Fail("missing", column, info, sink);
        }

        if (column.Feature.Type == FeatureType.Categorical)
        {
            if (!missing && IsUnknown(column.Feature, values[0]))
            {
                Fail("unseen", column, info, sink);
                if (column.UnseenRate <= _schemaRate)
                {
                    sink.Report(new CertainFinding($"unseen:{column.Name}", string.Create(CultureInfo.InvariantCulture, $"{column.Name} holds a category that is not among the {column.Feature.Categories.Count} of the schema"))
                    {
                        Severity = Severity.Change,
                        Variable = column.Name,
                    });
                }

                return false;
            }

            return !missing;
        }

        if (infinite)
        {
            Fail("infinite", column, info, sink);
        }

        if (!float.IsNaN(outside))
        {
            Fail("range", column, info, sink);
            if (column.Feature is not { Minimum: null, Maximum: null } && column.RangeRate <= _schemaRate)
            {
                sink.Report(new CertainFinding($"range:{column.Name}", string.Create(CultureInfo.InvariantCulture, $"{column.Name} is {(column.Feature.Sensitive ? "out of range" : outside.ToString("G6", CultureInfo.InvariantCulture))}; the schema allows [{_low[c]:G6}, {_high[c]:G6}]"))
                {
                    Severity = Severity.Change,
                    Variable = column.Name,
                });
            }
        }

        return !missing && !infinite && float.IsNaN(outside);
    }

    private void Fail(string check, CheckedColumn column, in RowInfo info, IObservationSink sink) => Fail($"{check}:{column.Name}", info, sink);

    private void Fail(string subject, in RowInfo info, IObservationSink sink)
    {
        // What fails in half of the reference has nothing to say.
        if (RateOf(subject) < 0.5)
        {
            var evidence = Evidence(subject);
            evidence.Fail(_draws, info.Offset, info.TimeUnixNano);
            sink.Evidence(subject, Math.Log(evidence.Value * _share), evidence.SinceOffset, evidence.SinceTime);
        }
    }

    /// <summary>The bound of a check by its name, <c>missing:delay</c>.</summary>
    private double RateOf(string subject)
    {
        var colon = subject.IndexOf(':', StringComparison.Ordinal);
        return colon < 0 ? _schemaRate
            : _byName.TryGetValue(subject[(colon + 1)..], out var column) ? Rate(subject[..colon], _columns[column])
            : throw new InvalidDataException($"quality: state of the check '{subject}', which is not one of this model");
    }

    private void Move(int c, CheckedColumn column, float value, in RowInfo info, IObservationSink sink)
    {
        ref var run = ref _runs[c];
        var rate = value == run.Last ? column.Repeats[value] : 1;
        if (rate > _options.LargestRepeatRate)
        {
            if (run.Evidence > 0)
            {
                sink.Evidence($"constant:{column.Name}", double.NegativeInfinity, run.Offset, run.Time);
            }

            run = new Run { Last = value, Offset = info.Offset, Time = info.TimeUnixNano };
            return;
        }

        run.Length++;
        run.Evidence = Math.Min((run.Evidence + 1) / rate, Saturation);
        sink.Evidence($"constant:{column.Name}", Math.Log(run.Evidence * _share), run.Offset, run.Time);
    }

    private void CalmDown(IObservationSink sink)
    {
        foreach (var (subject, evidence) in _checks.ToList())
        {
            evidence.PassTo(_draws);
            sink.Evidence(subject, Math.Log(evidence.Value * _share), evidence.SinceOffset, evidence.SinceTime);
            if (evidence.Value <= evidence.Calm)
            {
                _checks.Remove(subject);
            }
        }
    }

    /// <summary>Rows in a row that are one and the same.</summary>
    private struct Repeat
    {
        public ulong Hash;
        public long Length;

        /// <summary>Log time of the first.</summary>
        public long Time;
    }

    /// <summary>How long a column has stood at one value, and since when.</summary>
    private struct Run
    {
        public float Last;
        public double Evidence;
        public long Length;
        public long Offset;
        public long Time;
    }
}
