using System.Buffers;
using System.Globalization;
using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Quality;

/// <summary>
/// Joins labels with predictions, shows realised performance over the newest labelled rows, and holds evidence that the promised measure fell below its threshold. Labelled rows that are independent draws count as evidence, all as
/// measures.
/// </summary>
internal sealed class PerformanceMonitor : ILabelledMonitor, IMonitorState
{
    private const string Subject = "objective";

    /// <summary>Labelled rows below which no measure is shown.</summary>
    private const int FewestShown = 20;

    private readonly ModelDescription _model;
    private readonly PromisedLoss? _promise;
    private readonly PredictionIndex _index;
    private readonly BoundedLossEvidence? _evidence;
    private readonly List<double> _waiting = [];
    private readonly (Prediction Prediction, double Truth)[] _window;
    private long _labelled;
    private long _measuredAt = -1;
    private IReadOnlyList<MeasureInterval> _measures = [];
    private bool _dirty;

    public PerformanceMonitor(ModelDescription model, PromisedLoss? promise, PerformanceOptions options)
    {
        _model = model;
        _promise = promise;
        _index = new PredictionIndex(options.MaxPending, options.Horizon);
        _evidence = promise is null ? null : new BoundedLossEvidence(promise.Mean);
        _window = new (Prediction, double)[options.Window];
    }

    public IReadOnlyList<Variable> Variables { get; } = [];

    public bool HoldsEvidence => _promise is not null;

    public IMonitorState State => this;

    public IReadOnlyList<MonitorMeasure> Measures
    {
        get
        {
            // Shown, so a twentieth of the window may be missing; what a finding says is measured anew.
            if (_labelled - _measuredAt >= _window.Length / 20 || _measuredAt < 0)
            {
                _measures = Measure();
                _measuredAt = _labelled;
            }

            return [.. _measures.Where(m => !double.IsNaN(m.Value)).Select(m => new MonitorMeasure(m.Name, "", m.Value, m.Low, m.High)), .. _index.Measures];
        }
    }

    public ValueTask<MonitorScores> ScoreAsync(RowBatch rows, CancellationToken cancellationToken) => ValueTask.FromResult(MonitorScores.Empty);

    public void Apply(RowBatch rows, int row, MonitorScores scores, IObservationSink sink)
    {
        _index.Add(rows, row, -1);
        _dirty = true;
    }

    public void ApplyLabel(RowLabel label, IObservationSink sink)
    {
        _dirty = true;
        if (_index.Join(label, _model.Schema) is not var (prediction, truth))
        {
            return;
        }

        _window[_labelled % _window.Length] = (prediction, truth);
        _labelled++;
        if (_evidence is null || !prediction.IsDraw)
        {
            return;
        }

        var loss = _promise!.Of(prediction, truth, _waiting);
        if (double.IsFinite(loss))
        {
            _evidence.Update(loss, label.Offset, label.TimeUnixNano);
            sink.Evidence(Subject, _evidence.LogEvidence, _evidence.SinceOffset, _evidence.SinceTime);
        }
    }

    public void Rearm(string client)
    {
        if (client.Length == 0)
        {
            _evidence?.Restart();
            _dirty = true;
        }
    }

    public void Describe(AlarmContext alarm, FindingDetails details)
    {
        details.Variable = _promise!.Metric;
        foreach (var measure in Measure().Where(m => !double.IsNaN(m.Value)))
        {
            details.Measures[measure.Name] = measure.Value;
            details.Measures[measure.Name + "-low"] = measure.Low;
            details.Measures[measure.Name + "-high"] = measure.High;
            if (measure.Name == _promise.Metric)
            {
                details.Effect = (measure.Name, _promise.Threshold, measure.Value, measure.Value - _promise.Threshold);
                details.Summary = string.Create(CultureInfo.InvariantCulture, $"{measure.Name} of {_model.Name} is {measure.Value:0.###} ({measure.Low:0.###} to {measure.High:0.###}) over the last {measure.Rows} labelled rows; promised is {_promise}");
            }
        }

        details.Measures["labelled"] = _index.Joined;
        details.Measures["draws"] = _evidence!.Draws;
        details.Summary ??= $"{_promise.Metric} of {_model.Name} fell below what is promised, {_promise}";
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
        writer.WriteCount(_labelled);
        writer.WriteDoubles([.. _waiting]);
        _evidence?.Save(writer);
        var held = (int)Math.Min(_labelled, _window.Length);
        writer.WriteCount(held);
        for (var i = 0; i < held; i++)
        {
            var (prediction, truth) = _window[i];
            writer.WriteSigned(prediction.Class);
            writer.WriteDouble(prediction.Value);
            writer.WriteDoubles([.. prediction.Probabilities.Select(p => (double)p)]);
            writer.WriteDouble(truth);
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
            throw new InvalidDataException("performance: state of another version");
        }

        _index.Restore(ref reader);
        _labelled = reader.ReadCount();
        _waiting.AddRange(reader.ReadDoubles());
        _evidence?.Restore(ref reader);
        var held = reader.ReadLength(10);
        for (var i = 0; i < held; i++)
        {
            var prediction = new Prediction(0, 0, 0, (int)reader.ReadSigned(), reader.ReadDouble(), [.. reader.ReadDoubles().Select(p => (float)p)], -1, false);
            _window[i] = (prediction, reader.ReadDouble());
        }

        reader.ExpectEnd();
    }

    private IReadOnlyList<MeasureInterval> Measure()
    {
        var rows = _window.AsSpan(0, (int)Math.Min(_labelled, _window.Length)).ToArray();
        if (rows.Length < FewestShown)
        {
            return [];
        }

        if (rows.All(r => r.Prediction.Class < 0))
        {
            rows = [.. rows.Where(r => double.IsFinite(r.Prediction.Value))];
            return rows.Length < FewestShown ? [] : PerformanceMeasures.OfRegressor([.. rows.Select(r => r.Truth)], [.. rows.Select(r => r.Prediction.Value)]);
        }

        rows = [.. rows.Where(r => r.Prediction.Class >= 0)];
        var classes = Math.Max(2, 1 + rows.Max(r => Math.Max(r.Prediction.Class, (int)r.Truth)));
        var width = rows.Max(r => r.Prediction.Probabilities.Length);
        classes = Math.Max(classes, width);
        float[] probabilities = width == classes && rows.All(r => r.Prediction.Probabilities.Length == width) ? [.. rows.SelectMany(r => r.Prediction.Probabilities)] : [];
        return PerformanceMeasures.OfClassifier([.. rows.Select(r => (int)r.Truth)], [.. rows.Select(r => r.Prediction.Class)], probabilities, classes);
    }
}
