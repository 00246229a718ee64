using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.AllInOne.Backtest;

/// <summary>Takes what a monitor observes about one row after the other, and keeps the evidence as the runtime would: calibrated variables in groups, bets as Shiryaev-Roberts values, one unit of time a row.</summary>
internal sealed class BacktestSink : IObservationSink
{
    private readonly IReadOnlyList<Variable> _variables;
    private readonly GroupedEvidence? _grouped;
    private readonly int[] _groupedIndex;
    private readonly int[] _betIndex;
    private readonly double[] _sr;
    private readonly long[] _since;
    private readonly double[] _cusum;
    private readonly double[] _groupedValues;
    private readonly double _level;
    private readonly double[] _values;
    private double _absolute = double.NegativeInfinity;
    private bool _absoluteAlarmed;
    private long _absoluteSince;

    /// <param name="variables">The monitor's variables.</param>
    /// <param name="calibration">Clean values per variable.</param>
    /// <param name="level">Rows per false alarm.</param>
    public BacktestSink(IReadOnlyList<Variable> variables, IReadOnlyList<List<double>> calibration, double level)
    {
        _variables = variables;
        _level = level;
        _values = new double[variables.Count];
        var grouped = new List<EvidenceVariable>();
        var index = new List<int>();
        for (var v = 0; v < variables.Count; v++)
        {
            if (variables[v].Type == VariableType.Bet)
            {
                continue;
            }

            var clean = calibration[v].Where(x => !double.IsNaN(x)).ToArray();
            if (clean.Length < StreamReference.MinimumValues)
            {
                Warnings.Add($"{variables[v].Name} has {clean.Length} clean values, {StreamReference.MinimumValues} are needed: no evidence");
                continue;
            }

            var reference = variables[v].Type == VariableType.Categorical ? StreamReference.Categorical(clean) : StreamReference.Numeric(clean);
            grouped.Add(new EvidenceVariable(variables[v].Name, variables[v].Group, reference));
            index.Add(v);
        }

        _groupedIndex = [.. index];
        _groupedValues = new double[_groupedIndex.Length];
        _grouped = grouped.Count > 0 ? new GroupedEvidence(grouped, Math.Max(2, level)) : null;
        _betIndex = [.. Enumerable.Range(0, variables.Count).Where(v => variables[v].Type == VariableType.Bet)];
        _sr = new double[_betIndex.Length];
        _since = new long[_betIndex.Length];
        _cusum = new double[_betIndex.Length];
    }

    public List<string> Warnings { get; } = [];

    public List<BacktestAlarm> Alarms { get; } = [];

    public List<BacktestReport> Reports { get; } = [];

    public double LogEvidence { get; private set; } = double.NegativeInfinity;

    /// <summary>The values observed about the row, NaN where none.</summary>
    public ReadOnlySpan<double> Values => _values;

    public int Row { get; private set; }

    public void Begin(int row)
    {
        Row = row;
        Array.Fill(_values, double.NaN);
    }

    /// <summary>Turns the row's observations into evidence.</summary>
    public void End(in RowInfo row)
    {
        var log = double.NegativeInfinity;
        if (_grouped is not null)
        {
            for (var i = 0; i < _groupedValues.Length; i++)
            {
                _groupedValues[i] = _values[_groupedIndex[i]];
            }

            var contributions = new double[_groupedValues.Length];
            var seen = _grouped.Update(_groupedValues, row.EventHash, 0, 1, Row, contributions);
            log = _grouped.LogEvidence;
            if (seen == LatchEvent.Alarm)
            {
                Alarm(log, _grouped.Since, contributions.Select((c, i) => (c, _variables[_groupedIndex[i]].Name)));
            }
        }

        if (_sr.Length > 0)
        {
            for (var i = 0; i < _sr.Length; i++)
            {
                var increment = _values[_betIndex[i]];
                var r = double.IsNaN(increment) ? 1 : Math.Exp(increment);
                _sr[i] = Math.Min(1e270, (_sr[i] + 1) * r);

                // The evidence began where the largest of the e-processes that SR adds up began: where its CUSUM last restarted.
                _since[i] = _cusum[i] <= 1 ? Row : _since[i];
                _cusum[i] = Math.Min(1e270, Math.Max(1, _cusum[i]) * r);
            }

            var value = _sr.Average();
            log = Math.Max(log, Math.Log(value));
            if (value >= _level)
            {
                var strongest = Array.IndexOf(_sr, _sr.Max());
                Alarm(Math.Log(value), _since[strongest], _sr.Select((s, i) => (s, _variables[_betIndex[i]].Name)));
                Array.Clear(_sr);
                Array.Clear(_cusum);
            }
        }

        if (_absolute > double.NegativeInfinity)
        {
            log = Math.Max(log, _absolute);
            if (_absolute >= Math.Log(_level) && !_absoluteAlarmed)
            {
                Alarm(_absolute, _absoluteSince, []);
            }

            _absoluteAlarmed = _absolute >= Math.Log(_level) / (_absoluteAlarmed ? 2 : 1);
            _absolute = double.NegativeInfinity;
        }

        LogEvidence = log;
    }

    public void Observe(int variable, double value, string subject = "") => _values[variable] = value;

    public void Bet(int variable, double logIncrement, string subject = "")
    {
        if (!double.IsFinite(logIncrement))
        {
            throw new InvalidOperationException($"variable {_variables[variable].Name} bet {logIncrement} at row {Row}");
        }

        _values[variable] = logIncrement;
    }

    public void Evidence(string subject, double logEvidence, long sinceOffset, long sinceUnixNano, string client = "") =>
        (_absolute, _absoluteSince) = logEvidence > _absolute ? (logEvidence, sinceOffset) : (_absolute, _absoluteSince);

    public void Report(CertainFinding finding) => Reports.Add(new BacktestReport(Row, finding.Key, finding.Summary));

    private void Alarm(double logEvidence, long since, IEnumerable<(double Share, string Name)> variables) =>
        Alarms.Add(new BacktestAlarm(Row, logEvidence, since, [.. variables.OrderByDescending(v => v.Share).Take(5).Where(v => v.Share > 0).Select(v => v.Name)]));
}
