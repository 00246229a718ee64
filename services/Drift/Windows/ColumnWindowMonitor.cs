using System.Buffers;
using System.Runtime.InteropServices;
using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Drift;

/// <summary>
/// Cuts the draws into windows of fixed length, tests every column of a full window against the reference, and bets on each
/// column between windows. One variable of type bet per column.
/// </summary>
internal sealed class ColumnWindowMonitor : IWindowedMonitor, IMonitorState
{
    private const int SmallestWindow = 20;
    private readonly ReferenceColumn[] _columns;
    private readonly int[] _positions;
    private readonly SplitBet[] _bets;
    private readonly int _window;
    private readonly Func<ReferenceColumn, double[], TestResult> _test;
    private readonly string _statisticName;

    // Column by column: a window's values lie side by side. As they came, in single precision: half of what a checkpoint carries.
    private readonly float[] _values;
    private int _count;
    private bool _dirty;
    private WindowOutcome? _last;

    public ColumnWindowMonitor(IReadOnlyList<(int Position, ReferenceColumn Column)> columns, int window, double tolerance, string statisticName, Func<ReferenceColumn, double[], TestResult> test)
    {
        _columns = [.. columns.Select(c => c.Column)];
        _positions = [.. columns.Select(c => c.Position)];
        _bets = [.. _columns.Select(c => new SplitBet(c, tolerance))];
        _window = window;
        _test = test;
        _statisticName = statisticName;
        _values = new float[(long)window * _columns.Length];
        Variables = [.. _columns.Select(c => new Variable(c.Name) { Type = VariableType.Bet })];
    }

    public IReadOnlyList<Variable> Variables { get; }

    public Action<WindowOutcome>? WindowClosed { get; set; }

    public IMonitorState State => this;

    public ValueTask<MonitorScores> ScoreAsync(RowBatch rows, CancellationToken cancellationToken) => ValueTask.FromResult(MonitorScores.Empty);

    public void Apply(RowBatch rows, int row, MonitorScores scores, IObservationSink sink)
    {
        if (!rows.Rows[row].Admitted)
        {
            return;
        }

        var input = rows.Input(row);
        for (var c = 0; c < _columns.Length; c++)
        {
            var value = input[_positions[c]];
            _values[((long)c * _window) + _count] = value;
            var increment = _bets[c].Draw(value);
            if (!double.IsNaN(increment))
            {
                sink.Bet(c, increment);
            }
        }

        _dirty = true;
        if (++_count == _window)
        {
            _last = Test();
            _count = 0;
            foreach (var bet in _bets)
            {
                bet.CloseWindow();
            }

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
        foreach (var column in _last.Columns.OrderBy(c => c.PValue).ThenByDescending(c => c.Statistic).Take(5))
        {
            details.Measures[$"{_statisticName} {column.Name}"] = column.Statistic;
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
        for (var c = 0; c < _columns.Length; c++)
        {
            writer.WriteBytes(MemoryMarshal.AsBytes(_values.AsSpan(c * _window, _count)));
            _bets[c].Save(writer);
        }

        writer.WriteByte(_last is null ? (byte)0 : (byte)1);
        if (_last is not null)
        {
            writer.WriteCount(_last.Rows);
            writer.WriteDouble(_last.Statistic);
            writer.WriteDouble(_last.PValue);
            foreach (var column in _last.Columns)
            {
                writer.WriteDouble(column.Statistic);
                writer.WriteDouble(column.PValue);
            }
        }

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
        if (_count >= _window)
        {
            throw new InvalidDataException($"window state of {_count} rows for windows of {_window}");
        }

        for (var c = 0; c < _columns.Length; c++)
        {
            var values = MemoryMarshal.Cast<byte, float>(reader.ReadBytes());
            if (values.Length != _count)
            {
                throw new InvalidDataException($"window state of {values.Length} values, {_count} expected");
            }

            values.CopyTo(_values.AsSpan(c * _window));
            _bets[c].Restore(ref reader);
        }

        if (reader.ReadByte() == 1)
        {
            var rows = checked((int)reader.ReadCount());
            double statistic = reader.ReadDouble(), p = reader.ReadDouble();
            var columns = new WindowColumn[_columns.Length];
            for (var c = 0; c < columns.Length; c++)
            {
                columns[c] = new WindowColumn(_columns[c].Name, reader.ReadDouble(), reader.ReadDouble());
            }

            _last = new WindowOutcome(rows, statistic, p, columns);
        }

        reader.ExpectEnd();
    }

    private WindowOutcome Test()
    {
        var columns = new WindowColumn[_columns.Length];
        var best = 0;
        for (var c = 0; c < columns.Length; c++)
        {
            var result = _test(_columns[c], Array.ConvertAll(_values.AsSpan(c * _window, _count).ToArray(), v => (double)v));
            columns[c] = new WindowColumn(_columns[c].Name, result.Statistic, result.PValue);
            if (columns[c].PValue < columns[best].PValue || (columns[c].PValue == columns[best].PValue && columns[c].Statistic > columns[best].Statistic))
            {
                best = c;
            }
        }

        return new WindowOutcome(_count, columns[best].Statistic, Math.Min(1, columns[best].PValue * columns.Length), columns);
    }
}
