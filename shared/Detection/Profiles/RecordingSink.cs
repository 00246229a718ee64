namespace Monitoring.Detection;

/// <summary>Collects what a monitor observes on clean rows: the values that its variables are calibrated with.</summary>
internal sealed class RecordingSink(IReadOnlyList<Variable> variables) : IObservationSink
{
    private readonly List<RowInfo>[] _rows = [.. variables.Select(_ => new List<RowInfo>())];
    private readonly List<double>[] _values = [.. variables.Select(_ => new List<double>())];
    private RowInfo _row;

    public IReadOnlyList<RowInfo> Rows(int variable) => _rows[variable];

    public IReadOnlyList<double> Values(int variable) => _values[variable];

    public void Begin(in RowInfo row) => _row = row;

    public void Add(int variable, in RowInfo row, double value)
    {
        if (row.Admitted || variables[variable].EveryRow)
        {
            _rows[variable].Add(row);
            _values[variable].Add(value);
        }
    }

    /// <summary>Drops what was observed on rows that are not draws.</summary>
    public void Keep(HashSet<ulong> admitted)
    {
        for (var v = 0; v < _rows.Length; v++)
        {
            if (!variables[v].EveryRow)
            {
                var kept = Enumerable.Range(0, _rows[v].Count).Where(i => admitted.Contains(_rows[v][i].EventHash)).ToList();
                _values[v] = [.. kept.Select(i => _values[v][i])];
                _rows[v] = [.. kept.Select(i => _rows[v][i])];
            }
        }
    }

    public void Observe(int variable, double value, string subject = "")
    {
        if (!variables[variable].PerSubject || subject.Length > 0 || _row.Client.Length == 0)
        {
            Add(variable, _row, value);
        }
    }

    public void Bet(int variable, double logIncrement, string subject = "")
    {
    }

    public void Evidence(string subject, double logEvidence, long sinceOffset, long sinceUnixNano, string client = "")
    {
    }

    public void Report(CertainFinding finding)
    {
    }
}
