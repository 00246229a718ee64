using System.Diagnostics.Metrics;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Inference;

/// <summary>Instruments of the meter <c>Monitoring.Inference</c>: <c>monitoring_inference_…</c>.</summary>
internal sealed class InferenceMetrics
{
    public const string MeterName = "Monitoring.Inference";

    private readonly Histogram<double> _latency;

    public InferenceMetrics(IMeterFactory meters, ModelRepository repository, Spool spool, EventPublisher publisher, EventJoiner joiner)
    {
        var meter = meters.Create(MeterName);
        meter.CreateObservableCounter(
            "monitoring_inference_requests_total",
            () => repository.Models.SelectMany(m => m.Statistics.Requests.Select(r => new Measurement<long>(
                r.Count,
                new KeyValuePair<string, object?>("model", m.Name),
                new KeyValuePair<string, object?>("status", r.Status)))),
            description: "Infer calls by model and HTTP status");
        _latency = meter.CreateHistogram<double>("monitoring_inference_latency_seconds", "s", "From arrival to the answer being ready and captured");
        PerModel("monitoring_inference_received_total", "Calls and logged events that named the model", s => s.Received);
        PerModel("monitoring_inference_captured_total", "Events written to the spool", s => s.Captured);
        PerModel("monitoring_inference_dropped_total", "Events that the spool had no room for: the limit is reached or the disk is full", s => s.Dropped);
        PerModel("monitoring_inference_duplicates_total", "Logged events that came again", s => s.Duplicates);
        PerModel("monitoring_inference_schema_violations_total", "Departures of inputs from the schema", s => s.Violations);
        PerModel("monitoring_inference_slow_total", "Calls answered later than the model's serviceObjective.latency", s => s.Slow);
        Objective("monitoring_inference_error_budget_ratio", "1", "Share of calls that may end in a server error: 1 - serviceObjective.availability", o => 1 - o.Availability);
        Objective("monitoring_inference_latency_budget_ratio", "1", "Share of calls that may be slow: 1 - serviceObjective.latencyShare", o => 1 - o.LatencyShare);
        Objective("monitoring_inference_latency_objective_seconds", "s", "Time within which calls are to be answered: serviceObjective.latency", o => o.Latency.TotalSeconds);
        meter.CreateObservableCounter(
            "monitoring_inference_unmatched_total",
            () => repository.Models.SelectMany(m => new[]
            {
                new Measurement<long>(m.Statistics.UnmatchedRequests, new KeyValuePair<string, object?>("model", m.Name), new KeyValuePair<string, object?>("side", "request")),
                new Measurement<long>(m.Statistics.UnmatchedResponses, new KeyValuePair<string, object?>("model", m.Name), new KeyValuePair<string, object?>("side", "response")),
            }),
            description: "Logged halves of calls whose other half never came");
        meter.CreateObservableCounter("monitoring_inference_appended_total", () => publisher.Appended, description: "Events that the log acknowledged");
        meter.CreateObservableCounter("monitoring_inference_append_failures_total", () => publisher.Failures, description: "Attempts that the log refused; the events wait and are tried again");
        meter.CreateObservableGauge("monitoring_inference_spooled_bytes", () => spool.PendingBytes, "By", "Bytes on disk that wait for the log");
        meter.CreateObservableCounter("monitoring_inference_spool_damaged_total", () => spool.DamagedFrames, description: "Places where the spool was damaged and stepped over");
        meter.CreateObservableGauge("monitoring_inference_join_waiting", () => joiner.Waiting, description: "Logged halves of calls that wait for the other half");

        void PerModel(string name, string description, Func<ModelStatistics, long> value) => meter.CreateObservableCounter(
            name,
            () => repository.Models.Select(m => new Measurement<long>(value(m.Statistics), new KeyValuePair<string, object?>("model", m.Name))),
            description: description);

        void Objective(string name, string unit, string description, Func<ServiceObjectiveConfiguration, double> value) => meter.CreateObservableGauge(
            name,
            () => repository.Models.Select(m => new Measurement<double>(Math.Round(value(m.Configuration.ServiceObjective), 9), new KeyValuePair<string, object?>("model", m.Name))),
            unit,
            description);
    }

    /// <summary>Time from arrival to the answer being ready and captured.</summary>
    public void RecordLatency(ServedModel model, TimeSpan latency)
    {
        _latency.Record(latency.TotalSeconds, new KeyValuePair<string, object?>("model", model.Name));
        if (latency > model.Configuration.ServiceObjective.Latency)
        {
            model.Statistics.AddSlow();
        }
    }
}
