using Monitoring.Alerting.Incidents;
using Monitoring.Contracts;
using Monitoring.Storage;

namespace Monitoring.Alerting.Pipeline;

/// <summary>A finding on its way through the stages, and what they decided so far.</summary>
internal sealed class AlertContext(Finding finding, long appendedUnixNano, IncidentBatch batch)
{
    public Finding Finding { get; } = finding;

    /// <summary>Log time at which the finding was appended.</summary>
    public long AppendedUnixNano { get; } = appendedUnixNano;

    public IncidentBatch Batch { get; } = batch;

    /// <summary>Set by the correlate stage.</summary>
    public Incident Incident { get; set; } = null!;

    public bool IsNew { get; set; }

    /// <summary>Why nobody is to be told; null when people are. The first stage with a reason wins.</summary>
    public string? Suppression { get; private set; }

    /// <summary>What is to be told, about which incident.</summary>
    public List<(Incident Incident, TransitionFacts Facts)> Transitions { get; } = [];

    public void Suppress(string reason) => Suppression ??= reason;

    public TransitionFacts Facts(string name, string text) => new(name, TransitionFacts.Monitoring, text, Finding.TimeUnixNano, Batch.NowUnixNano)
    {
        FindingId = Finding.Id,
        FindingUnixNano = AppendedUnixNano,
    };
}
