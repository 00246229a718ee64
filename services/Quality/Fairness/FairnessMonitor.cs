using System.Buffers;
using System.Globalization;
using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Quality;

/// <summary>
/// Three gaps of every segment. Selection and true-positive rate: rows of the segment are paired with rows of the rest as they come, x = (1 + a − b)/2, whose mean is between (1 − δ)/2 and (1 + δ)/2 while the gap is tolerated. Calibration:
/// x = (1 + probability − truth)/2. Each side of each gap of each segment holds its own evidence and an equal part of the budget.
/// </summary>
internal sealed class FairnessMonitor : ILabelledMonitor, IMonitorState
{
    private const int MostWaiting = 64;
    private const int FewestShown = 20;
    private static readonly string[] s_gaps = ["selection-rate", "true-positive-rate", "calibration-gap"];
    private readonly ModelDescription _model;
    private readonly FairnessSegments _segments;
    private readonly FairnessOptions _options;
    private readonly PredictionIndex _index;
    private readonly Segment[] _state;
    private readonly double _logShare;
    private bool _dirty;

    public FairnessMonitor(ModelDescription model, FairnessSegments segments, FairnessOptions options)
    {
        (_model, _segments, _options) = (model, segments, options);
        _index = new PredictionIndex(options.MaxPending, options.Horizon);
        _state = [.. segments.Names.Select(_ => new Segment(options))];
        _logShare = -Math.Log(_state.Length * s_gaps.Length * 2);
    }

    public IReadOnlyList<Variable> Variables { get; } = [];

    public IMonitorState State => this;

    public IReadOnlyList<MonitorMeasure> Measures =>
    [
        .. _state.SelectMany((state, s) => s_gaps.Select((gap, g) => Measure(state, s, g)).OfType<MonitorMeasure>()),
        .. _index.Measures,
    ];

    public ValueTask<MonitorScores> ScoreAsync(RowBatch rows, CancellationToken cancellationToken) => ValueTask.FromResult(MonitorScores.Empty);

    public void Apply(RowBatch rows, int row, MonitorScores scores, IObservationSink sink)
    {
        _dirty = true;
        var segment = _segments.Of(rows.Input(row));
        var predicted = rows.PredictedClass(row);
        _index.Add(rows, row, segment);
        if (segment >= 0 && predicted >= 0 && rows.Rows[row].Admitted)
        {
            var info = rows.Rows[row];
            Rate(0, segment, predicted == _options.Positive, info.Offset, info.TimeUnixNano, sink);
        }
    }

    public void ApplyLabel(RowLabel label, IObservationSink sink)
    {
        _dirty = true;
        if (_index.Join(label, _model.Schema) is not var (prediction, truth) || prediction.Segment < 0 || !prediction.IsDraw)
        {
            return;
        }

        var isPositive = (int)truth == _options.Positive;
        if (isPositive)
        {
            Rate(1, prediction.Segment, prediction.Class == _options.Positive, label.Offset, label.TimeUnixNano, sink);
        }

        if (_options.Positive < prediction.Probabilities.Length)
        {
            var gap = Math.Clamp(prediction.Probabilities[_options.Positive], 0f, 1f) - (isPositive ? 1.0 : 0);
            _state[prediction.Segment].Windows[2].Add(gap);
            Bet(2, prediction.Segment, (1 + gap) / 2, label.Offset, label.TimeUnixNano, sink);
        }
    }

    public void Rearm(string client)
    {
        foreach (var evidence in client.Length == 0 ? _state.SelectMany(s => s.Evidence) : [])
        {
            evidence.Restart();
        }

        _dirty = true;
    }

    public void Describe(AlarmContext alarm, FindingDetails details)
    {
        var parts = alarm.Subject.Split('/');
        int gap = Array.IndexOf(s_gaps, parts[0]), segment = int.Parse(parts[1], CultureInfo.InvariantCulture);
        details.Variable = _options.Segment;
        var measure = Measure(_state[segment], segment, gap);
        var rest = gap == 2 ? 0 : Rest(segment, gap);
        if (measure is null)
        {
            return;
        }

        details.Measures[s_gaps[gap]] = measure.Value;
        details.Measures[s_gaps[gap] + "-low"] = measure.Low;
        details.Measures[s_gaps[gap] + "-high"] = measure.High;
        details.Effect = (s_gaps[gap], rest, measure.Value, measure.Value - rest);
        details.Summary = gap == 2
            ? string.Create(CultureInfo.InvariantCulture, $"{_model.Name}: for '{measure.Segment}' the probability is off by {measure.Value:+0.###;-0.###} ({measure.Low:0.###} to {measure.High:0.###}) on average; tolerated is {_options.Tolerance}")
            : string.Create(CultureInfo.InvariantCulture, $"{_model.Name}: the {s_gaps[gap].Replace('-', ' ')} of '{measure.Segment}' is {measure.Value:0.###} ({measure.Low:0.###} to {measure.High:0.###}), of the rest {rest:0.###}; tolerated is a gap of {_options.Tolerance}");
    }

    public void TakeDirtyKeys(ICollection<string> keys)
    {
        if (_dirty)
        {
            keys.Add("");
            _dirty = false;
        }

        _index.TakeDirtyKeys(keys);
    }

    public bool Save(string key, IBufferWriter<byte> output)
    {
        if (key.Length > 0)
        {
            _index.SavePage(key, output);
            return true;
        }

        var writer = new CanonicalWriter(output);
        writer.WriteByte(1);
        _index.Save(writer);
        foreach (var state in _state)
        {
            state.Save(writer);
        }

        return true;
    }

    public void Restore(string key, ReadOnlySpan<byte> value)
    {
        if (key.Length > 0)
        {
            _index.RestorePage(key, value);
            return;
        }

        var reader = new CanonicalReader(value);
        if (reader.ReadByte() != 1)
        {
            throw new InvalidDataException("fairness: state of another version");
        }

        _index.Restore(ref reader);
        foreach (var state in _state)
        {
            state.Restore(ref reader);
        }

        reader.ExpectEnd();
    }

    /// <summary>A row of a segment with a rate: shown, paired with a waiting row of the rest, and offered to the other segments as one of their rest.</summary>
    private void Rate(int gap, int segment, bool hit, long offset, long time, IObservationSink sink)
    {
        _state[segment].Windows[gap].Add(hit ? 1 : 0);
        for (var s = 0; s < _state.Length; s++)
        {
            // Rows of the segment wait as 0 and 1, rows of the rest as 2 and 3: whoever comes second makes the pair.
            var waiting = _state[s].Waiting[gap];
            var isOwn = s == segment;
            if (waiting.Count > 0 && waiting[0] >= 2 == isOwn)
            {
                var other = waiting[0] % 2;
                waiting.RemoveAt(0);
                var (own, rest) = isOwn ? (hit ? 1 : 0, other) : (other, hit ? 1 : 0);
                Bet(gap, s, (1.0 + own - rest) / 2, offset, time, sink);
            }
            else if (waiting.Count < MostWaiting)
            {
                waiting.Add((byte)((isOwn ? 0 : 2) + (hit ? 1 : 0)));
            }
        }
    }

    private void Bet(int gap, int segment, double x, long offset, long time, IObservationSink sink)
    {
        for (var side = 0; side < 2; side++)
        {
            var evidence = _state[segment].Evidence[(2 * gap) + side];
            evidence.Update(side == 0 ? x : 1 - x, offset, time);
            sink.Evidence(string.Create(CultureInfo.InvariantCulture, $"{s_gaps[gap]}/{segment}/{(side == 0 ? "above" : "below")}"), evidence.LogEvidence + _logShare, evidence.SinceOffset, evidence.SinceTime);
        }
    }

    private double Rest(int segment, int gap)
    {
        double sum = 0, rows = 0;
        for (var s = 0; s < _state.Length; s++)
        {
            sum += s == segment ? 0 : _state[s].Windows[gap].Sum;
            rows += s == segment ? 0 : _state[s].Windows[gap].Count;
        }

        return sum / rows;
    }

    private MonitorMeasure? Measure(Segment state, int segment, int gap)
    {
        var window = state.Windows[gap];
        if (window.Count < FewestShown)
        {
            return null;
        }

        if (gap < 2)
        {
            var share = PerformanceMeasures.Share(s_gaps[gap], window.Sum, window.Count);
            return new MonitorMeasure(s_gaps[gap], _segments.Names[segment], share.Value, share.Low, share.High);
        }

        var mean = window.Sum / window.Count;
        var half = PerformanceMeasures.Z95 * Math.Sqrt(Math.Max(0, (window.Squares / window.Count) - (mean * mean)) / (window.Count - 1));
        return new MonitorMeasure(s_gaps[gap], _segments.Names[segment], mean, mean - half, mean + half);
    }

    /// <summary>The newest values of a measure of a segment.</summary>
    private sealed class Window(int capacity)
    {
        private readonly float[] _values = new float[capacity];
        private long _added;

        public int Count => (int)Math.Min(_added, _values.Length);

        public double Sum => Total(static v => v);

        public double Squares => Total(static v => v * v);

        public void Add(double value) => _values[_added++ % _values.Length] = (float)value;

        public void Save(CanonicalWriter writer)
        {
            writer.WriteCount(_added);
            writer.WriteDoubles([.. _values.Take(Count).Select(v => (double)v)]);
        }

        public void Restore(ref CanonicalReader reader)
        {
            _added = reader.ReadCount();
            var values = reader.ReadDoubles();
            for (var i = 0; i < values.Length && i < _values.Length; i++)
            {
                _values[i] = (float)values[i];
            }
        }

        /// <summary>Summed anew: no rounding error remains of what has left.</summary>
        private double Total(Func<double, double> of)
        {
            double sum = 0;
            for (var i = 0; i < Count; i++)
            {
                sum += of(_values[i]);
            }

            return sum;
        }
    }

    private sealed class Segment
    {
        public Segment(FairnessOptions options)
        {
            Windows = [new Window(options.Window), new Window(options.Window), new Window(options.Window)];
            Evidence = [.. Enumerable.Range(0, 6).Select(_ => new BoundedLossEvidence((1 + options.Tolerance) / 2))];
        }

        public Window[] Windows { get; }

        /// <summary>By gap and side.</summary>
        public BoundedLossEvidence[] Evidence { get; }

        /// <summary>Rows that wait for their pair, by gap.</summary>
        public List<byte>[] Waiting { get; } = [[], []];

        public void Save(CanonicalWriter writer)
        {
            foreach (var window in Windows)
            {
                window.Save(writer);
            }

            foreach (var evidence in Evidence)
            {
                evidence.Save(writer);
            }

            foreach (var waiting in Waiting)
            {
                writer.WriteBytes([.. waiting]);
            }
        }

        public void Restore(ref CanonicalReader reader)
        {
            foreach (var window in Windows)
            {
                window.Restore(ref reader);
            }

            foreach (var evidence in Evidence)
            {
                evidence.Restore(ref reader);
            }

            foreach (var waiting in Waiting)
            {
                waiting.AddRange(reader.ReadBytes());
            }
        }
    }
}
