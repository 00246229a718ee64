using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using Monitoring.Contracts;
using Monitoring.Hosting;
using Action = Monitoring.Contracts.Action;

namespace Monitoring.Inference;

/// <summary>Instruments of containment on the meter <c>Monitoring.Inference</c>.</summary>
internal sealed class ControlMetrics
{
    private static readonly Action[] s_actions = [Action.Throttle, Action.Deny, Action.Coarsen, Action.Route];
    private readonly ConcurrentDictionary<(string Model, Action Action, bool Enforced), StrongBox<long>> _calls = new();
    private readonly Counter<long> _limited;
    private readonly Counter<long> _answers;
    private readonly Counter<long> _unroutable;

    public ControlMetrics(IMeterFactory meters, ControlLedger ledger, TimeProvider time)
    {
        var meter = meters.Create(InferenceMetrics.MeterName);
        meter.CreateObservableGauge(
            "monitoring_inference_controls_active",
            () =>
            {
                var now = EventCapture.UnixNano(time.GetUtcNow());
                var active = ledger.Current.ById.Values.Where(c => !c.Revoked && c.ExpiresUnixNano > now).ToLookup(c => (c.Action, c.DryRun));
                return s_actions.SelectMany(a => ((bool[])[false, true]).Select(dry => new Measurement<int>(
                    active[(a, dry)].Count(),
                    new KeyValuePair<string, object?>("action", NameOf(a)),
                    new KeyValuePair<string, object?>("mode", Mode(!dry)))));
            },
            description: "Decisions about clients in force, by what they ask for; dry-run ones are recorded only");
        meter.CreateObservableCounter(
            "monitoring_inference_controls_ignored_total",
            () => new[]
            {
                new Measurement<long>(ledger.Ignored.Unsigned, new KeyValuePair<string, object?>("reason", "signature")),
                new Measurement<long>(ledger.Ignored.Undecodable, new KeyValuePair<string, object?>("reason", "undecodable")),
                new Measurement<long>(ledger.Ignored.Expired, new KeyValuePair<string, object?>("reason", "expired")),
            },
            description: "Records of monitoring.controls that have no effect: signed by no key of ours, not decodable, or over when they were read");
        meter.CreateObservableCounter(
            "monitoring_inference_controlled_total",
            () => _calls.Select(c => new Measurement<long>(
                Volatile.Read(ref c.Value.Value),
                new KeyValuePair<string, object?>("model", c.Key.Model),
                new KeyValuePair<string, object?>("action", NameOf(c.Key.Action)),
                new KeyValuePair<string, object?>("mode", Mode(c.Key.Enforced)))),
            description: "Calls that a decision touched; in dry-run, would have");
        _limited = meter.CreateCounter<long>("monitoring_inference_limited", "{call}", "Calls refused by a standing limit, by limit: per-second, per-day");
        _answers = meter.CreateCounter<long>("monitoring_inference_gateway_answers", "{call}", "Questions of gateways, by answer: allow, deny, throttle, unknown");
        _unroutable = meter.CreateCounter<long>("monitoring_inference_unroutable", "{call}", "Calls to be routed to a version that is not there: answered by the version asked for");
        foreach (var answer in (string[])["allow", "deny", "throttle", "unknown"])
        {
            _answers.Add(0, new KeyValuePair<string, object?>("answer", answer));
        }
    }

    public static string NameOf(Action action) => action switch
    {
        Action.Throttle => "throttle",
        Action.Deny => "deny",
        Action.Coarsen => "coarsen",
        Action.Route => "route",
        _ => "unknown",
    };

    public void Controlled(string model, Action action, bool isEnforced) =>
        Interlocked.Increment(ref _calls.GetOrAdd((model, action, isEnforced), static _ => new StrongBox<long>()).Value);

    public void Limited(string model, string limit) => _limited.Add(1, new("model", model), new("limit", limit));

    public void Answered(string answer) => _answers.Add(1, new KeyValuePair<string, object?>("answer", answer));

    public void Unroutable(string model) => _unroutable.Add(1, new KeyValuePair<string, object?>("model", model));

    private static string Mode(bool isEnforced) => isEnforced ? "enforced" : "dry-run";
}
