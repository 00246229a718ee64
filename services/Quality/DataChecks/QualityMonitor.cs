using System.Buffers;
using System.Globalization;
using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Quality;

/// <summary>
/// Certain findings for values that cannot be: out of the schema's range, absurd against the reference, infinite, of an unseen
/// category, missing where the reference never misses, a column that stopped moving. Beside them two calibrated counts
/// per row, missing and broken values, so that a change of a usual rate is found as evidence.
/// </summary>
internal sealed class QualityMonitor : IMonitor, IMonitorState
{
    private const int Missing = 0;
    private const int Broken = 1;
    private const double LargestRepeatShare = 0.02;
    private readonly CheckedColumn[] _columns;
    private readonly double[] _low;
    private readonly double[] _high;
    private readonly int[] _longestRun;
    private readonly float[] _last;
    private readonly int[] _run;
    private bool _dirty;

    public QualityMonitor(CheckedColumn[] columns, QualityOptions options)
    {
        _columns = columns;
        _low = new double[columns.Length];
        _high = new double[columns.Length];
        _longestRun = new int[columns.Length];
        _last = new float[columns.Length];
        _run = new int[columns.Length];
        Array.Fill(_last, float.NaN);
        for (var c = 0; c < columns.Length; c++)
        {
            var column = columns[c];
            var range = column.Maximum > column.Minimum ? column.Maximum - column.Minimum : Math.Max(1, Math.Abs(column.Maximum));
            _low[c] = column.Feature.Minimum ?? (column.Minimum - (options.AbsurdRanges * range));
            _high[c] = column.Feature.Maximum ?? (column.Maximum + (options.AbsurdRanges * range));

            // A column that never varied may stay so, and one of few values (a month, a flag) stands still whenever traffic is sorted by it.
            _longestRun[c] = column.Maximum > column.Minimum && column.RepeatShare < LargestRepeatShare
                ? (int)Math.Min(int.MaxValue, Math.Ceiling(Math.Log(options.ConstantProbability) / Math.Log(column.RepeatShare)))
                : int.MaxValue;
        }
    }

    public IReadOnlyList<Variable> Variables { get; } = [new Variable("missing values"), new Variable("broken values")];

    public IMonitorState State => this;

    public ValueTask<MonitorScores> ScoreAsync(RowBatch rows, CancellationToken cancellationToken) => ValueTask.FromResult(MonitorScores.Empty);

    public void Apply(RowBatch rows, int row, MonitorScores scores, IObservationSink sink)
    {
        var input = rows.Input(row);
        int missing = 0, broken = 0;
        for (var c = 0; c < _columns.Length; c++)
        {
            var column = _columns[c];
            var value = input[c];
            if (float.IsNaN(value))
            {
                missing++;
                if (column.MissingShare == 0)
                {
                    Report(sink, "missing", column, "is missing; the reference never misses it");
                }
            }
            else if (column.Feature.Type == FeatureType.Categorical)
            {
                if (value < 0 || value >= column.Feature.Categories.Count || value != MathF.Floor(value))
                {
                    broken++;
                    Report(sink, "unseen", column, $"holds a category that the reference does not know ({column.Feature.Categories.Count} are known)");
                }
            }
            else if (float.IsInfinity(value))
            {
                broken++;
                if (column.Infinite == 0)
                {
                    Report(sink, "infinite", column, $"is {(value > 0 ? "+" : "−")}infinite");
                }
            }
            else if (value < _low[c] || value > _high[c])
            {
                broken++;
                var allowed = column.Feature.Minimum is null && column.Feature.Maximum is null ? "the reference lies in" : "allowed is";
                var (from, to) = column.Feature.Minimum is null && column.Feature.Maximum is null ? (column.Minimum, column.Maximum) : (_low[c], _high[c]);
                Report(sink, "range", column, string.Create(CultureInfo.InvariantCulture, $"is {(column.Feature.Sensitive ? "out of range" : value.ToString("G6", CultureInfo.InvariantCulture))}; {allowed} [{from:G6}, {to:G6}]"));
            }

            _run[c] = value == _last[c] ? _run[c] + 1 : 0;
            _last[c] = value;
            if (_run[c] >= _longestRun[c] && rows.Rows[row].Admitted)
            {
                Report(sink, "constant", column, string.Create(CultureInfo.InvariantCulture, $"has not changed for {_run[c] + 1} rows; it varied in the reference"));
            }
        }

        _dirty = true;
        sink.Observe(Missing, missing);
        sink.Observe(Broken, broken);
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
        writer.WriteCount(_columns.Length);
        for (var c = 0; c < _columns.Length; c++)
        {
            writer.WriteDouble(_last[c]);
            writer.WriteCount(_run[c]);
        }

        return true;
    }

    public void Restore(string key, ReadOnlySpan<byte> value)
    {
        var reader = new CanonicalReader(value);
        if (reader.ReadByte() != 1 || reader.ReadCount() != _columns.Length)
        {
            throw new InvalidDataException("quality: state of another version or another number of columns");
        }

        for (var c = 0; c < _columns.Length; c++)
        {
            _last[c] = (float)reader.ReadDouble();
            _run[c] = checked((int)reader.ReadCount());
        }

        reader.ExpectEnd();
    }

    private static void Report(IObservationSink sink, string check, CheckedColumn column, string sentence) =>
        sink.Report(new CertainFinding($"{check}:{column.Name}", $"{column.Name} {sentence}") { Variable = column.Name });
}
