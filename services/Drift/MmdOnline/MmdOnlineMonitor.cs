using System.Buffers;
using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Drift;

/// <summary>Online MMD: a look with every row once the window is full; after a crossing the window fills anew. Bets on how often it crosses.</summary>
internal sealed class MmdOnlineMonitor(RowEncoder encoder, OnlineMaximumMeanDiscrepancy detector, double[] thresholds, double hazard) : IMonitor, IMonitorState
{
    private readonly CrossingBet _bet = new();
    private int _filled;
    private long _age;
    private long _crossings;
    private double _statistic;
    private bool _dirty;

    public IReadOnlyList<Variable> Variables { get; } = [new Variable("all columns") { Type = VariableType.Bet }];

    public IMonitorState State => this;

    public ValueTask<MonitorScores> ScoreAsync(RowBatch rows, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(rows);

        // The kernels to the reference are functions of the row alone.
        var encoded = encoder.Encode(rows);
        var sums = new double[rows.Count];
        for (var r = 0; r < sums.Length; r++)
        {
            sums[r] = detector.KernelSum(encoded.AsSpan(r * encoder.Columns, encoder.Columns));
        }

        return ValueTask.FromResult<MonitorScores>(new Kernels(encoded, sums));
    }

    public void Apply(RowBatch rows, int row, MonitorScores scores, IObservationSink sink)
    {
        if (!rows.Rows[row].Admitted)
        {
            return;
        }

        var kernels = (Kernels)scores;
        _statistic = detector.Update(kernels.Encoded.AsSpan(row * encoder.Columns, encoder.Columns), kernels.Sums[row]);
        _dirty = true;
        if (++_filled < thresholds.Length)
        {
            return;
        }

        var crossed = _statistic >= thresholds[(int)Math.Min(_age, thresholds.Length - 1)];
        _age++;
        var increment = _bet.Look(crossed, hazard);
        if (!double.IsNaN(increment))
        {
            sink.Bet(0, increment);
        }

        if (crossed)
        {
            _crossings++;
            (_filled, _age) = (0, 0);
        }
    }

    public void Describe(AlarmContext alarm, FindingDetails details)
    {
        details.Measures["MMD2"] = _statistic;
        details.Measures["threshold"] = thresholds[^1];
        details.Measures["crossings"] = _crossings;
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
        writer.WriteCount(_filled);
        writer.WriteCount(_age);
        writer.WriteCount(_crossings);
        writer.WriteDouble(_statistic);
        _bet.Save(writer);
        detector.Save(writer);
        return true;
    }

    public void Restore(string key, ReadOnlySpan<byte> value)
    {
        var reader = new CanonicalReader(value);
        if (reader.ReadByte() != 1)
        {
            throw new InvalidDataException("window state of an unknown version");
        }

        _filled = checked((int)reader.ReadCount());
        _age = reader.ReadCount();
        _crossings = reader.ReadCount();
        _statistic = reader.ReadDouble();
        _bet.Restore(ref reader);
        detector.Restore(ref reader);
        reader.ExpectEnd();
    }

    private sealed class Kernels(double[] encoded, double[] sums) : MonitorScores(0, 0)
    {
        public double[] Encoded { get; } = encoded;

        public double[] Sums { get; } = sums;
    }
}
