using System.Buffers;
using System.Globalization;
using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Quality;

/// <summary>Evidence that accuracy, as calibrated confidence estimates it, is below what is promised: the estimated chance of a mistake is a loss in [0, 1] with mean 1 − θ at the promise's edge.</summary>
internal sealed class PromisedCbpeMonitor(ModelDescription model, int output, IsotonicCalibration calibration, double threshold) : IMonitor, IMonitorState
{
    private readonly BoundedLossEvidence _evidence = new(1 - threshold);
    private double _recent = double.NaN;
    private bool _dirty;

    /// <summary>Weight of the newest row in the estimate that is shown.</summary>
    private const double Weight = 0.005;

    public IReadOnlyList<Variable> Variables { get; } = [];

    public IMonitorState State => this;

    public IReadOnlyList<MonitorMeasure> Measures => double.IsNaN(_recent) ? [] : [new MonitorMeasure("estimated-accuracy", "", _recent)];

    public ValueTask<MonitorScores> ScoreAsync(RowBatch rows, CancellationToken cancellationToken)
    {
        var scores = new MonitorScores(rows.Count, 1);
        for (var row = 0; row < rows.Count; row++)
        {
            scores.Row(row)[0] = rows.HasOutput(output) ? (float)calibration.Calibrate(CbpeKind.Top(rows.Output(output, row)).Probability) : float.NaN;
        }

        return ValueTask.FromResult(scores);
    }

    public void Apply(RowBatch rows, int row, MonitorScores scores, IObservationSink sink)
    {
        double right = scores.Row(row)[0];
        var info = rows.Rows[row];
        if (double.IsNaN(right) || !info.Admitted)
        {
            return;
        }

        _recent = double.IsNaN(_recent) ? right : _recent + (Weight * (right - _recent));
        _evidence.Update(Math.Clamp(1 - right, 0, 1), info.Offset, info.TimeUnixNano);
        _dirty = true;
        sink.Evidence("objective", _evidence.LogEvidence, _evidence.SinceOffset, _evidence.SinceTime);
    }

    public void Rearm(string client)
    {
        if (client.Length == 0)
        {
            _evidence.Restart();
            _dirty = true;
        }
    }

    public void Describe(AlarmContext alarm, FindingDetails details)
    {
        details.Variable = "accuracy";
        details.Effect = ("estimated-accuracy", threshold, _recent, _recent - threshold);
        details.Measures["estimated-accuracy"] = _recent;
        details.Summary = string.Create(CultureInfo.InvariantCulture, $"accuracy of {model.Name} is about {_recent:0.###} as its calibrated confidence estimates it; promised is at least {threshold}");
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
        writer.WriteByte(1);
        writer.WriteDouble(_recent);
        _evidence.Save(writer);
        return true;
    }

    public void Restore(string key, ReadOnlySpan<byte> value)
    {
        var reader = new CanonicalReader(value);
        if (reader.ReadByte() != 1)
        {
            throw new InvalidDataException("cbpe: state of another version");
        }

        _recent = reader.ReadDouble();
        _evidence.Restore(ref reader);
        reader.ExpectEnd();
    }
}
