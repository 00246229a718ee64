using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Monitoring.Observability.Tests;

public sealed class PrometheusExpositionTests : IDisposable
{
    private readonly Meter _meter = new("Monitoring.ExpositionTests");
    private readonly PrometheusExposition _exposition = new();

    public void Dispose()
    {
        _exposition.Dispose();
        _meter.Dispose();
    }

    [Fact]
    public void Counter_adds_and_is_named_total()
    {
        var counter = _meter.CreateCounter<long>("monitoring_a_events", description: "Events \"seen\"\nhere.");
        counter.Add(2, new KeyValuePair<string, object?>("model", "a\"b\\c\nd"), new KeyValuePair<string, object?>("kind", "k"));
        counter.Add(3, new KeyValuePair<string, object?>("kind", "k"), new KeyValuePair<string, object?>("model", "a\"b\\c\nd"));
        var text = _exposition.Write(openMetrics: false);
        Assert.Contains("# HELP monitoring_a_events_total Events \"seen\"\\nhere.\n# TYPE monitoring_a_events_total counter\n", text, StringComparison.Ordinal);
        Assert.Contains("monitoring_a_events_total{kind=\"k\",model=\"a\\\"b\\\\c\\nd\"} 5\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Histogram_is_cumulative_and_boundaries_are_inclusive()
    {
        var histogram = _meter.CreateHistogram("monitoring_a_wait_seconds", advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [1, 2] });
        foreach (var value in new[] { 0.5, 1, 1.5, 9 })
        {
            histogram.Record(value);
        }

        var text = _exposition.Write(openMetrics: false);
        Assert.Contains("monitoring_a_wait_seconds_bucket{le=\"1\"} 2\n", text, StringComparison.Ordinal);
        Assert.Contains("monitoring_a_wait_seconds_bucket{le=\"2\"} 3\n", text, StringComparison.Ordinal);
        Assert.Contains("monitoring_a_wait_seconds_bucket{le=\"+Inf\"} 4\n", text, StringComparison.Ordinal);
        Assert.Contains("monitoring_a_wait_seconds_sum 12\n", text, StringComparison.Ordinal);
        Assert.Contains("monitoring_a_wait_seconds_count 4\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Up_down_counter_is_a_gauge_that_adds()
    {
        var open = _meter.CreateUpDownCounter<int>("monitoring_a_open");
        open.Add(3);
        open.Add(-1);
        Assert.Contains("# TYPE monitoring_a_open gauge\nmonitoring_a_open 2\n", _exposition.Write(openMetrics: false), StringComparison.Ordinal);
    }

    [Fact]
    public void Observable_series_that_is_not_reported_any_more_disappears()
    {
        List<Measurement<long>> lags = [new(5, new KeyValuePair<string, object?>("partition", 0)), new(7, new KeyValuePair<string, object?>("partition", 1))];
        _meter.CreateObservableGauge("monitoring_a_lag_records", () => lags);
        Assert.Contains("monitoring_a_lag_records{partition=\"1\"} 7\n", _exposition.Write(openMetrics: false), StringComparison.Ordinal);
        lags.RemoveAt(1);
        var text = _exposition.Write(openMetrics: false);
        Assert.Contains("monitoring_a_lag_records{partition=\"0\"} 5\n", text, StringComparison.Ordinal);
        Assert.DoesNotContain("partition=\"1\"", text, StringComparison.Ordinal);
    }

    [Fact]
    public void OpenMetrics_carries_the_trace_as_exemplar_and_ends_with_EOF()
    {
        using var source = new ActivitySource("Monitoring.ExpositionTests");
        using var listener = new ActivityListener { ShouldListenTo = s => s == source, Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded };
        ActivitySource.AddActivityListener(listener);
        var histogram = _meter.CreateHistogram<double>("monitoring_a_call_seconds");
        string trace;
        using (var activity = source.StartActivity("call"))
        {
            trace = activity!.TraceId.ToHexString();
            histogram.Record(0.003);
        }

        var text = _exposition.Write(openMetrics: true);
        Assert.Contains($"monitoring_a_call_seconds_bucket{{le=\"0.005\"}} 1 # {{trace_id=\"{trace}\"}} 0.003\n", text, StringComparison.Ordinal);
        Assert.EndsWith("# EOF\n", text, StringComparison.Ordinal);
        Assert.DoesNotContain("trace_id", _exposition.Write(openMetrics: false), StringComparison.Ordinal);
    }

    [Fact]
    public void Label_gone_wild_is_bounded()
    {
        var counter = _meter.CreateCounter<long>("monitoring_a_wild");
        for (var i = 0; i < PrometheusExposition.MaxSeries + 50; i++)
        {
            counter.Add(1, new KeyValuePair<string, object?>("id", i));
        }

        Assert.Contains("monitoring_a_wild_total{overflow=\"true\"} 50\n", _exposition.Write(openMetrics: false), StringComparison.Ordinal);
    }

    [Fact]
    public void Meters_of_others_are_left_alone()
    {
        using var other = new Meter("Other.Product");
        other.CreateCounter<long>("other_events").Add(1);
        Assert.DoesNotContain("other_events", _exposition.Write(openMetrics: false), StringComparison.Ordinal);
    }
}
