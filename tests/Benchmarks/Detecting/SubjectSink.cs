using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Benchmarks.Detecting;

/// <summary>The runtime's evidence about one monitor at a fixed level, from rows in order: a stream per subject for what is observed or bet, absolute evidence, reports.</summary>
/// <param name="monitor">The monitor.</param>
/// <param name="profile">Its profile; null for one that observes nothing.</param>
/// <param name="level">Queries of a subject per false alarm, at one a unit of time.</param>
/// <param name="step">Units of time between a subject's queries: every subject has a clock of its own, so that what others ask does not age its evidence.</param>
internal sealed class SubjectSink(IMonitor monitor, MonitorProfile? profile, double level, int step = 1) : IObservationSink
{
    private readonly Dictionary<string, EvidenceStream[]> _streams = new(StringComparer.Ordinal);
    private readonly HashSet<string> _above = new(StringComparer.Ordinal);
    private readonly double[] _values = new double[monitor.Variables.Count];
    private RowInfo _row;
    private int _number;
    private string _subject = "";
    private bool _any;

    /// <summary>Alarms: number of the row from 1, and the subject.</summary>
    public List<(int Row, string Subject)> Alarms { get; } = [];

    /// <summary>Fed rows.</summary>
    public int Rows => _number;

    /// <summary>Feeds rows; stops after the one that brings the first alarm when told to.</summary>
    public async Task FeedAsync(RowBatch rows, bool untilAlarm = false)
    {
        var scores = await monitor.ScoreAsync(rows, CancellationToken.None).ConfigureAwait(false);
        for (var row = 0; row < rows.Count && !(untilAlarm && Alarms.Count > 0); row++)
        {
            _row = rows.Rows[row];
            _number++;
            Array.Fill(_values, double.NaN);
            _subject = "";
            monitor.Apply(rows, row, scores, this);
            Flush();
        }
    }

    public void Observe(int variable, double value, string subject = "")
    {
        if (subject.Length == 0)
        {
            return;
        }

        if (!string.Equals(subject, _subject, StringComparison.Ordinal))
        {
            Flush();
            _subject = subject;
        }

        _values[variable] = value;
        _any = true;
    }

    public void Bet(int variable, double logIncrement, string subject = "") => Observe(variable, logIncrement, subject);

    public void Evidence(string subject, double logEvidence, long sinceOffset, long sinceUnixNano, string client = "")
    {
        if (logEvidence >= Math.Log(level) && _above.Add(subject))
        {
            Alarms.Add((_number, subject));
        }
    }

    public void Report(CertainFinding finding)
    {
        // What is only recorded is no alarm; a receiver hears of a change by a ticket.
        if (finding.Severity is not Severity.Record)
        {
            Alarms.Add((_number, finding.Client.Length > 0 ? finding.Client : finding.Key));
        }
    }

    private void Flush()
    {
        if (!_any)
        {
            return;
        }

        _any = false;
        if (!_streams.TryGetValue(_subject, out var streams))
        {
            // As the runtime does: what is calibrated together, bets together, each with its part of the budget.
            var variables = monitor.Variables.Select((v, i) => new StreamVariable(i, v, profile?.Variables[i] ?? new VariableProfile(v.Name, null, 0, double.NaN, 0, []))).Where(v => v.Variable.Type == VariableType.Bet || v.Profile.Reference is not null);
            var parts = variables.GroupBy(v => v.Variable.Type == VariableType.Bet).Select(g => g.ToArray()).ToArray();
            _streams.Add(_subject, streams = [.. parts.Select(p => new EvidenceStream(p, parts.Length * level * p.Max(v => v.Profile.LevelFactor), 1, new EvidenceOptions()))]);
        }

        foreach (var stream in streams)
        {
            double[] values = [.. stream.Variables.Select(v => _values[v.Index])];
            if (Array.TrueForAll(values, double.IsNaN))
            {
                continue;
            }

            var seen = stream.Draw(values, _row with { TimeUnixNano = (stream.Draws + 1) * step }, 0);
            if (seen == LatchEvent.Alarm)
            {
                Alarms.Add((_number, _subject));
            }

            if (seen is LatchEvent.Alarm or LatchEvent.StillAlarmed)
            {
                stream.Restarted();
            }
        }

        Array.Fill(_values, double.NaN);
    }
}
