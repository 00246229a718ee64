using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace Monitoring.Detection;

/// <summary>Meter <c>Monitoring.Detection</c>. Labels are group, model and kind, which configurations bound; never clients or events.</summary>
public sealed class DetectionMetrics : IDisposable
{
    public const string MeterName = "Monitoring.Detection";
    private readonly Meter _meter;
    private readonly Counter<long> _consumed;
    private readonly Counter<long> _scored;
    private readonly Counter<long> _failed;
    private readonly Counter<long> _skipped;
    private readonly Counter<long> _draws;
    private readonly Counter<long> _findings;
    private readonly Counter<long> _gaps;
    private readonly Counter<long> _late;
    private readonly Histogram<double> _checkpoint;
    private readonly Histogram<double> _restore;
    private readonly Histogram<double> _batch;
    private readonly ConcurrentDictionary<(string Group, int Partition), PartitionProgress> _status = new();

    public DetectionMetrics(IMeterFactory meters)
    {
        _meter = meters.Create(MeterName);
        _consumed = _meter.CreateCounter<long>("monitoring_detection_consumed_events", description: "Events read from the log.");
        _scored = _meter.CreateCounter<long>("monitoring_detection_scored_rows", description: "Rows scored by a monitor.");
        _failed = _meter.CreateCounter<long>("monitoring_detection_failed_rows", description: "Rows that a monitor could not take.");
        _skipped = _meter.CreateCounter<long>("monitoring_detection_skipped_events", description: "Events that no monitor saw, by reason: undecodable, unwatched.");
        _draws = _meter.CreateCounter<long>("monitoring_detection_admitted_rows", description: "Rows that were independent draws.");
        _findings = _meter.CreateCounter<long>("monitoring_detection_findings", description: "Findings written, by model, kind and severity.");
        _gaps = _meter.CreateCounter<long>("monitoring_detection_lost_to_retention_events", description: "Events that retention removed before the group read them.");
        _late = _meter.CreateCounter<long>("monitoring_detection_late_state_records", description: "State records that a former owner wrote too late; left out of a restore.");
        _checkpoint = _meter.CreateHistogram<double>("monitoring_detection_checkpoint_seconds", "s", "Time of a checkpoint.");
        _restore = _meter.CreateHistogram<double>("monitoring_detection_restore_seconds", "s", "Time to restore a partition's state.");
        _batch = _meter.CreateHistogram<double>("monitoring_detection_batch_seconds", "s", "Time from a batch's hand-over to its findings being acknowledged.");
        _meter.CreateObservableGauge("monitoring_detection_log_evidence_nats", () => Each(m => m.LogEvidence, m => double.IsFinite(m.LogEvidence)), description: "Natural logarithm of the strongest evidence about the model.");
        _meter.CreateObservableGauge("monitoring_detection_log_level_nats", () => Each(m => m.LogLevel, m => double.IsFinite(m.LogLevel)), description: "Natural logarithm of the evidence at which it alarms.");
        _meter.CreateObservableGauge("monitoring_detection_state_code", () => Each(m => (double)m.State), description: "0 blind, 1 learning, 2 armed, 3 alarmed, 4 uncalibrated, 5 muted.");
        _meter.CreateObservableGauge("monitoring_detection_coverage_ratio", () => Each(m => m.Coverage), description: "Events seen by events that the sources say they sent.");
        _meter.CreateObservableGauge("monitoring_detection_learning_ratio", () => Each(m => m.LearnedDraws / (double)m.LearningDraws, m => m.LearningDraws > 0), description: "Progress of learning a profile.");
        _meter.CreateObservableGauge("monitoring_detection_forgotten_clients", () => Each(m => m.ForgottenClients), description: "Clients that a monitor forgot for want of room, the one silent longest first; their evidence starts anew when they come back.");
        _meter.CreateObservableGauge("monitoring_detection_profile_distance_sd", () => Each(m => m.ProfileDistance, m => m.ProfileSha256.Length > 0), description: "How far the profile in use has moved from the first one approved for the model version, mean over variables of the largest movement of a quantile, in standard deviations. Where profiles are learned the first is the first that was put to use.");
        _meter.CreateObservableGauge("monitoring_detection_measure_value", Measures, description: "What monitors measure (accuracy, selection rate, joined labels): the value, and the ends of its 95 % interval, by bound.");
        _meter.CreateObservableGauge("monitoring_detection_lag_events", () => _status.Select(s => new Measurement<long>(s.Value.LagEvents, new("group", s.Key.Group), new("partition", s.Key.Partition))), description: "Events in the log that the group has not processed.");
    }

    public void Dispose() => _meter.Dispose();

    internal void Consumed(string group, long events) => _consumed.Add(events, new KeyValuePair<string, object?>("group", group));

    internal void Scored(string model, string kind, long rows) => _scored.Add(rows, new("model", model), new("kind", kind));

    internal void Admitted(string group, string model, long rows) => _draws.Add(rows, new("group", group), new("model", model));

    internal void Failed(string model, string kind, long rows) => _failed.Add(rows, new("model", model), new("kind", kind));

    internal void Skipped(string group, string reason) => _skipped.Add(1, new("group", group), new("reason", reason));

    internal void Found(string model, string kind, string severity) => _findings.Add(1, new("model", model), new("kind", kind), new("severity", severity));

    /// <summary>Zero at every start: a counter that appears with its first loss has no increase for a rule to see.</summary>
    internal void Lost(string group, long events) => _gaps.Add(events, new KeyValuePair<string, object?>("group", group));

    internal void Late(string group, long records) => _late.Add(records, new KeyValuePair<string, object?>("group", group));

    internal void Checkpoint(string group, TimeSpan time) => _checkpoint.Record(time.TotalSeconds, new KeyValuePair<string, object?>("group", group));

    internal void Restore(string group, TimeSpan time) => _restore.Record(time.TotalSeconds, new KeyValuePair<string, object?>("group", group));

    internal void Batch(string group, TimeSpan time) => _batch.Record(time.TotalSeconds, new KeyValuePair<string, object?>("group", group));

    internal void Publish(string group, int partition, PartitionProgress progress) => _status[(group, partition)] = progress;

    internal void Withdraw(string group, int partition) => _status.TryRemove((group, partition), out _);

    /// <summary>Progress last published by the partitions of a group in this process, by partition.</summary>
    internal IReadOnlyDictionary<int, PartitionProgress> Progress(string group) =>
        _status.Where(s => string.Equals(s.Key.Group, group, StringComparison.Ordinal)).ToDictionary(s => s.Key.Partition, s => s.Value);

    /// <summary>A model lies in one partition; of a sharded one the last shard is shown.</summary>
    private IEnumerable<Measurement<double>> Measures() =>
        _status.OrderBy(s => s.Key.Partition).SelectMany(s => s.Value.Monitors).Where(m => m.Measures.Count > 0)
            .GroupBy(m => (m.Model, m.Version, m.Monitor, m.Kind))
            .SelectMany(g => g.Last().Measures.SelectMany(m => new[] { ("value", m.Value), ("low", m.Low), ("high", m.High) }
                .Where(b => double.IsFinite(b.Item2))
                .Select(b => new Measurement<double>(
                    b.Item2,
                    new("model", g.Key.Model), new("version", g.Key.Version), new("monitor", g.Key.Monitor), new("kind", g.Key.Kind), new("measure", m.Name), new("segment", m.Segment), new("bound", b.Item1)))));

    private IEnumerable<Measurement<double>> Each(Func<MonitorStatus, double> value, Func<MonitorStatus, bool>? where = null) =>
        _status.Values.SelectMany(s => s.Monitors).Where(m => where?.Invoke(m) ?? true)
            .GroupBy(m => (m.Model, m.Version, m.Monitor, m.Kind))
            .Select(g => new Measurement<double>(g.Max(value), new("model", g.Key.Model), new("version", g.Key.Version), new("monitor", g.Key.Monitor), new("kind", g.Key.Kind)));
}
