using Monitoring.Detection;

namespace Monitoring.Adversarial.Tests;

/// <summary>Keeps what a monitor reports, and bets as Shiryaev–Roberts sums per subject in units of draws.</summary>
internal sealed class CollectingSink(IMonitor monitor) : IObservationSink
{
    private readonly Dictionary<(string Subject, int Variable), double> _logSums = [];

    /// <summary>Greatest absolute evidence so far by subject.</summary>
    public Dictionary<string, double> Absolute { get; } = new(StringComparer.Ordinal);

    public List<CertainFinding> Reports { get; } = [];

    public List<(int Variable, double Value, string Subject)> Observations { get; } = [];

    public double Greatest => Absolute.Count == 0 ? double.NegativeInfinity : Absolute.Values.Max();

    /// <summary>ln of the group-weighted mean of the sums of a subject.</summary>
    public double LogBets(string subject)
    {
        var groups = monitor.Variables.Select((v, i) => (v.Group, Log: _logSums.GetValueOrDefault((subject, i), double.NegativeInfinity)))
            .GroupBy(v => v.Group, v => v.Log, StringComparer.Ordinal)
            .Select(g => g.Average(Math.Exp)).ToArray();
        return Math.Log(groups.Average());
    }

    public void Observe(int variable, double value, string subject = "") => Observations.Add((variable, value, subject));

    public void Bet(int variable, double logIncrement, string subject = "")
    {
        var before = _logSums.GetValueOrDefault((subject, variable), double.NegativeInfinity);
        _logSums[(subject, variable)] = Math.Min(600, logIncrement + Math.Log(1 + Math.Exp(before)));
    }

    public void Evidence(string subject, double logEvidence, long sinceOffset, long sinceUnixNano, string client = "") =>
        Absolute[subject] = Math.Max(logEvidence, Absolute.GetValueOrDefault(subject, double.NegativeInfinity));

    public void Report(CertainFinding finding) => Reports.Add(finding);
}
