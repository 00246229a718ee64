using System.Buffers;
using System.Runtime.InteropServices;
using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Drift;

/// <summary>Cuts the draws into windows of whole rows, tests every full window for people, and bets on each row between windows.</summary>
internal sealed class FeatureWindowMonitor : IWindowedMonitor, IMonitorState
{
    private const int SmallestWindow = 20;
    private const int NamedColumns = 5;
    private readonly RowEncoder _encoder;
    private readonly IFeatureMap _map;
    private readonly WitnessBet _bet;
    private readonly IWindowTest _test;
    private readonly int _window;
    private readonly string _statisticName;
    private readonly ulong _seed;
    private readonly float[] _rows;
    private readonly double[] _columnMeans;
    private int _count;
    private bool _dirty;
    private WindowOutcome? _last;

    public FeatureWindowMonitor(RowEncoder encoder, IFeatureMap map, WitnessBet bet, IWindowTest test, int window, string statisticName, ulong seed)
    {
        _encoder = encoder;
        _map = map;
        _bet = bet;
        _test = test;
        _window = window;
        _statisticName = statisticName;
        _seed = seed;
        _rows = new float[(long)window * encoder.Columns];
        _columnMeans = new double[encoder.Columns];
    }

    public IReadOnlyList<Variable> Variables { get; } = [new Variable("all columns") { Type = VariableType.Bet }];

    public Action<WindowOutcome>? WindowClosed { get; set; }

    public IMonitorState State => this;

    public ValueTask<MonitorScores> ScoreAsync(RowBatch rows, CancellationToken cancellationToken)
    {
        // Per row: the encoded row, then its features.
        int width = _encoder.Columns, features = _map.Count;
        var encoded = _encoder.Encode(rows);
        var scores = new MonitorScores(rows.Count, width + features);
        for (var r = 0; r < rows.Count; r++)
        {
            var row = scores.Row(r);
            for (var c = 0; c < width; c++)
            {
                row[c] = (float)encoded[(r * width) + c];
            }

            _map.Map(row[..width], row[width..]);
        }

        return ValueTask.FromResult(scores);
    }

    public void Apply(RowBatch rows, int row, MonitorScores scores, IObservationSink sink)
    {
        if (!rows.Rows[row].Admitted)
        {
            return;
        }

        var width = _encoder.Columns;
        var score = scores.Row(row);
        var increment = _bet.Draw(score[width..]);
        if (!double.IsNaN(increment))
        {
            sink.Bet(0, increment);
        }

        score[..width].CopyTo(_rows.AsSpan(_count * width));
        _dirty = true;
        if (++_count == _window)
        {
            _last = Test();
            Rank();
            _count = 0;
            _bet.CloseWindow();
            WindowClosed?.Invoke(_last);
        }
    }

    public WindowOutcome? TestOpenWindow() => _count >= SmallestWindow ? Test() : null;

    public void Describe(AlarmContext alarm, FindingDetails details)
    {
        if (_last is null)
        {
            return;
        }

        details.Measures["window p"] = _last.PValue;
        details.Measures[_statisticName] = _last.Statistic;
        var features = alarm.Rows.Model.Schema.Features;
        if (features.Any(f => f.Width != 1))
        {
            return;
        }

        // The columns whose means moved most in the last window, in standard deviations: a joint change need not show in any of them.
        foreach (var c in Enumerable.Range(0, features.Count).Where(c => !features[c].Sensitive).OrderByDescending(c => Math.Abs(Deviations(c))).Take(NamedColumns))
        {
            details.Measures["deviations " + features[c].Name] = Deviations(c);
        }
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
        writer.WriteByte(2);
        writer.WriteCount(_count);
        writer.WriteBytes(MemoryMarshal.AsBytes(_rows.AsSpan(0, _count * _encoder.Columns)));
        writer.WriteDoubles(_columnMeans);
        writer.WriteDoubles([_last?.Statistic ?? double.NaN, _last?.PValue ?? double.NaN]);
        _bet.Save(writer);
        return true;
    }

    public void Restore(string key, ReadOnlySpan<byte> value)
    {
        var reader = new CanonicalReader(value);
        if (reader.ReadByte() != 2)
        {
            throw new InvalidDataException("window state of an unknown version");
        }

        _count = checked((int)reader.ReadCount());
        var rows = MemoryMarshal.Cast<byte, float>(reader.ReadBytes());
        double[] means = reader.ReadDoubles(), last = reader.ReadDoubles();
        if (_count >= _window || rows.Length != _count * _encoder.Columns || means.Length != _columnMeans.Length || last.Length != 2)
        {
            throw new InvalidDataException("window state of another shape");
        }

        rows.CopyTo(_rows);
        means.CopyTo(_columnMeans, 0);
        _last = double.IsNaN(last[1]) ? null : new WindowOutcome(_window, last[0], last[1], []);
        _bet.Restore(ref reader);
        reader.ExpectEnd();
    }

    private WindowOutcome Test()
    {
        var result = _test.Test(_rows.AsMemory(0, _count * _encoder.Columns), StableHash.Combine(_seed, (ulong)_bet.Windows));
        return new WindowOutcome(_count, result.Statistic, result.PValue, []);
    }

    private void Rank()
    {
        Array.Clear(_columnMeans);
        for (var i = 0; i < _count * _encoder.Columns; i++)
        {
            _columnMeans[i % _encoder.Columns] += _rows[i] / (double)_count;
        }
    }

    // Encoded columns are centred.
    private double Deviations(int column) => _columnMeans[column] / (_encoder.Standardises ? 1 : _encoder.Deviations[column]);
}
