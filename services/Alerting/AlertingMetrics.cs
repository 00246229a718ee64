using System.Diagnostics.Metrics;

namespace Monitoring.Alerting;

/// <summary>The service's instruments. Every series of a receiver exists from the start, so that rates have a zero to start from.</summary>
internal sealed class AlertingMetrics
{
    private readonly IncidentMetrics _incidents;
    private readonly Counter<long> _findings;
    private readonly Counter<long> _created;
    private readonly Counter<long> _delivered;
    private readonly Counter<long> _failed;
    private readonly Counter<long> _uncertain;
    private readonly Counter<long> _attempts;
    private readonly Counter<long> _pinned;
    private readonly Counter<long> _responses;
    private readonly Counter<long> _retired;
    private readonly Histogram<double> _delivery;
    private readonly Histogram<double> _findingToDelivered;

    public AlertingMetrics(IMeterFactory factory, IncidentMetrics incidents)
    {
        _incidents = incidents;
        Meter = factory.Create("Monitoring.Alerting");
        _findings = Meter.CreateCounter<long>("monitoring_alerting_findings_consumed", "{finding}", "Findings read, by outcome: new, repeat, duplicate, undecodable");
        _created = Meter.CreateCounter<long>("monitoring_alerting_notifications_created", "{notification}", "Outbox rows written");
        _delivered = Meter.CreateCounter<long>("monitoring_alerting_notifications_delivered", "{notification}", "Messages that a receiver accepted");
        _failed = Meter.CreateCounter<long>("monitoring_alerting_notifications_failed", "{notification}", "Messages given up, by reason: rejected, gone, exhausted");
        _uncertain = Meter.CreateCounter<long>("monitoring_alerting_notifications_uncertain", "{notification}", "Sends whose outcome is unknown, by reason: crash, no_answer; sent again under the same id");
        _attempts = Meter.CreateCounter<long>("monitoring_alerting_delivery_attempts", "{attempt}", "Calls to receivers, by outcome");
        _pinned = Meter.CreateCounter<long>("monitoring_alerting_evidence_events", "{event}", "Sample events of findings, by outcome: pinned, missing");
        _responses = Meter.CreateCounter<long>("monitoring_alerting_responses", "{response}", "Decisions about clients, by action, by person or policy, enforced or dry-run");
        _retired = Meter.CreateCounter<long>("monitoring_alerting_retired_rows", "{row}", "Rows that retention removed from the database, by kind: incidents (each with all that belongs to it), evidence, notifications, silences, audit");
        foreach (var kind in (string[])["incidents", "evidence", "notifications", "silences", "audit"])
        {
            Retired(kind, 0);
        }

        _delivery = Meter.CreateHistogram<double>("monitoring_alerting_delivery_seconds", "s", "One call to a receiver");
        _findingToDelivered = Meter.CreateHistogram<double>("monitoring_alerting_finding_to_delivered_seconds", "s", "From the finding's append to the log to a receiver's acceptance");
    }

    public Meter Meter { get; }

    public void InitializeReceiver(string receiver)
    {
        var tag = Receiver(receiver);
        _created.Add(0, tag);
        _delivered.Add(0, tag);
        foreach (var reason in (string[])["rejected", "gone", "exhausted"])
        {
            _failed.Add(0, tag, new("reason", reason));
        }

        foreach (var reason in (string[])["crash", "no_answer"])
        {
            _uncertain.Add(0, tag, new("reason", reason));
        }
    }

    public void Finding(string outcome, long count) => _findings.Add(count, new KeyValuePair<string, object?>("outcome", outcome));

    public void Transition(string transition) => _incidents.Transition(transition);

    public void Created(string receiver) => _created.Add(1, Receiver(receiver));

    public void Delivered(string receiver, double? findingSeconds)
    {
        _delivered.Add(1, Receiver(receiver));
        if (findingSeconds is { } seconds)
        {
            _findingToDelivered.Record(seconds, Receiver(receiver));
        }
    }

    public void Failed(string receiver, string reason) => _failed.Add(1, Receiver(receiver), new("reason", reason));

    public void Uncertain(string receiver, string reason, long count = 1) => _uncertain.Add(count, Receiver(receiver), new("reason", reason));

    public void Pinned(int pinned, int missing)
    {
        _pinned.Add(pinned, new KeyValuePair<string, object?>("outcome", "pinned"));
        _pinned.Add(missing, new KeyValuePair<string, object?>("outcome", "missing"));
    }

    public void Retired(string kind, int rows) => _retired.Add(rows, new KeyValuePair<string, object?>("kind", kind));

    public void Response(string action, string by, string mode) => _responses.Add(1, new("action", action), new("by", by), new("mode", mode));

    public void Attempt(string receiver, string outcome, double seconds)
    {
        _attempts.Add(1, Receiver(receiver), new("outcome", outcome));
        _delivery.Record(seconds, Receiver(receiver));
    }

    private static KeyValuePair<string, object?> Receiver(string name) => new("receiver", name);
}
