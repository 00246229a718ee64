using System.Buffers;
using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Drift;

/// <summary>Sequential detectors, one a column, each restarted from the reference after a crossing; bets on how often they cross.</summary>
internal sealed class CrossingMonitor(IReadOnlyList<WatchedStream> streams) : IMonitor, IMonitorState
{
    private const int NamedStreams = 5;
    private bool _dirty;

    public IReadOnlyList<Variable> Variables { get; } = [.. streams.Select(s => new Variable(s.Name) { Type = VariableType.Bet })];

    public IMonitorState State => this;

    public ValueTask<MonitorScores> ScoreAsync(RowBatch rows, CancellationToken cancellationToken) => ValueTask.FromResult(MonitorScores.Empty);

    public void Apply(RowBatch rows, int row, MonitorScores scores, IObservationSink sink)
    {
        if (!rows.Rows[row].Admitted)
        {
            return;
        }

        var input = rows.Input(row);
        for (var s = 0; s < streams.Count; s++)
        {
            var value = input[streams[s].Position];
            if (!float.IsNaN(value))
            {
                var increment = streams[s].Draw(value);
                if (!double.IsNaN(increment))
                {
                    sink.Bet(s, increment);
                }
            }
        }

        _dirty = true;
    }

    public void Describe(AlarmContext alarm, FindingDetails details)
    {
        foreach (var stream in streams.Where(s => s.Crossings > 0).OrderByDescending(s => s.Crossings).Take(NamedStreams))
        {
            details.Measures["crossings " + stream.Name] = stream.Crossings;
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
        writer.WriteByte(1);
        foreach (var stream in streams)
        {
            stream.Save(writer);
        }

        return true;
    }

    public void Restore(string key, ReadOnlySpan<byte> value)
    {
        var reader = new CanonicalReader(value);
        if (reader.ReadByte() != 1)
        {
            throw new InvalidDataException("detector state of an unknown version");
        }

        foreach (var stream in streams)
        {
            stream.Restore(ref reader);
        }

        reader.ExpectEnd();
    }
}
