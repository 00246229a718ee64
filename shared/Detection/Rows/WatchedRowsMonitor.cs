using System.Buffers;
using System.Globalization;

namespace Monitoring.Detection;

/// <summary>Monitors of one kind over projected rows, one per segment; a row goes to its segment's.</summary>
internal class WatchedRowsMonitor : IMonitor, IMonitorState
{
    private readonly RowProjection? _projection;
    private readonly int _column;
    private readonly int[] _firstVariable;
    private readonly Dictionary<double, int> _byValue;
    private readonly int _rest;
    private readonly PartSink _sink = new();

    public WatchedRowsMonitor(RowProjection? projection, int column, IReadOnlyList<RowSegment> parts)
    {
        _projection = projection;
        _column = column;
        Parts = parts;
        _firstVariable = new int[parts.Count];
        _byValue = [];
        _rest = -1;
        var variables = new List<Variable>();
        for (var p = 0; p < parts.Count; p++)
        {
            _firstVariable[p] = variables.Count;
            var label = parts[p].Label;
            variables.AddRange(parts[p].Monitor.Variables.Select(v => label.Length == 0 ? v : v with { Name = $"{v.Name} ({label})", Group = $"{v.Group} ({label})" }));
            if (double.IsNaN(parts[p].Value))
            {
                _rest = p;
            }
            else
            {
                _byValue.Add(parts[p].Value, p);
            }
        }

        Variables = variables;
    }

    public IReadOnlyList<Variable> Variables { get; }

    public bool HoldsEvidence => Parts.Any(p => p.Monitor.HoldsEvidence);

    public IMonitorState? State => Parts.Any(p => p.Monitor.State is not null) ? this : null;

    protected IReadOnlyList<RowSegment> Parts { get; }

    public async ValueTask<MonitorScores> ScoreAsync(RowBatch rows, CancellationToken cancellationToken)
    {
        var projected = _projection?.Apply(rows, cancellationToken) ?? rows;
        var part = new int[rows.Count];
        var position = new int[rows.Count];
        var batches = new RowBatch?[Parts.Count];
        var scores = new MonitorScores?[Parts.Count];
        if (Parts.Count == 1 && _column < 0)
        {
            for (var r = 0; r < position.Length; r++)
            {
                position[r] = r;
            }

            batches[0] = projected;
            scores[0] = await Parts[0].Monitor.ScoreAsync(projected, cancellationToken).ConfigureAwait(false);
            return new Scores(part, position, batches, scores);
        }

        var members = Parts.Select(_ => new List<int>()).ToArray();
        for (var r = 0; r < rows.Count; r++)
        {
            part[r] = PartOf(rows, r);
            if (part[r] >= 0)
            {
                position[r] = members[part[r]].Count;
                members[part[r]].Add(r);
            }
        }

        for (var p = 0; p < members.Length; p++)
        {
            if (members[p].Count > 0)
            {
                batches[p] = projected.Select(members[p]);
                scores[p] = await Parts[p].Monitor.ScoreAsync(batches[p]!, cancellationToken).ConfigureAwait(false);
            }
        }

        return new Scores(part, position, batches, scores);
    }

    public void Apply(RowBatch rows, int row, MonitorScores scores, IObservationSink sink)
    {
        var scored = (Scores)scores;
        var part = scored.Part[row];
        if (part >= 0)
        {
            _sink.Target = sink;
            _sink.FirstVariable = _firstVariable[part];
            Parts[part].Monitor.Apply(scored.Batches[part]!, scored.Position[row], scored.Inner[part]!, _sink);
        }
    }

    public void Rearm(string client)
    {
        foreach (var part in Parts)
        {
            part.Monitor.Rearm(client);
        }
    }

    public void Describe(AlarmContext alarm, FindingDetails details)
    {
        ArgumentNullException.ThrowIfNull(alarm);
        var part = alarm.Variable < 0 ? PartOf(alarm.Rows, alarm.Row) : Array.FindLastIndex(_firstVariable, f => f <= alarm.Variable);
        if (part < 0)
        {
            return;
        }

        var row = alarm.Rows.Slice(alarm.Row, 1);
        Parts[part].Monitor.Describe(
            alarm with
            {
                Rows = _projection?.Apply(row, CancellationToken.None) ?? row,
                Row = 0,
                Variable = alarm.Variable < 0 ? alarm.Variable : alarm.Variable - _firstVariable[part],
            },
            details);
    }

    public void TakeDirtyKeys(ICollection<string> keys)
    {
        var inner = new List<string>();
        for (var p = 0; p < Parts.Count; p++)
        {
            inner.Clear();
            Parts[p].Monitor.State?.TakeDirtyKeys(inner);
            foreach (var key in inner)
            {
                keys.Add(string.Create(CultureInfo.InvariantCulture, $"{p}/{key}"));
            }
        }
    }

    public bool Save(string key, IBufferWriter<byte> output)
    {
        var (state, inner) = Find(key);
        return state.Save(inner, output);
    }

    public void Restore(string key, ReadOnlySpan<byte> value)
    {
        var (state, inner) = Find(key);
        state.Restore(inner, value);
    }

    private (IMonitorState State, string Key) Find(string key)
    {
        var slash = key.IndexOf('/', StringComparison.Ordinal);
        return slash > 0 && int.TryParse(key.AsSpan(0, slash), NumberStyles.None, CultureInfo.InvariantCulture, out var part) && part < Parts.Count && Parts[part].Monitor.State is { } state
            ? (state, key[(slash + 1)..])
            : throw new InvalidDataException($"unknown state key '{key}'");
    }

    private int PartOf(RowBatch rows, int row) => _column < 0 ? 0 : _byValue.GetValueOrDefault(rows.Input(row)[_column], _rest);

    private sealed class Scores(int[] part, int[] position, RowBatch?[] batches, MonitorScores?[] inner) : MonitorScores(0, 0)
    {
        public int[] Part { get; } = part;

        public int[] Position { get; } = position;

        public RowBatch?[] Batches { get; } = batches;

        public MonitorScores?[] Inner { get; } = inner;
    }

    private sealed class PartSink : IObservationSink
    {
        public IObservationSink Target { get; set; } = null!;

        public int FirstVariable { get; set; }

        public void Observe(int variable, double value, string subject = "") => Target.Observe(FirstVariable + variable, value, subject);

        public void Bet(int variable, double logIncrement, string subject = "") => Target.Bet(FirstVariable + variable, logIncrement, subject);

        public void Evidence(string subject, double logEvidence, long sinceOffset, long sinceUnixNano, string client = "") =>
            Target.Evidence(subject, logEvidence, sinceOffset, sinceUnixNano, client);

        public void Report(CertainFinding finding) => Target.Report(finding);
    }
}
