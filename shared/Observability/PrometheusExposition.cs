using System.Buffers;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;

namespace Monitoring.Observability;

/// <summary>
/// Collects the product's and the runtime's instruments and writes them in the Prometheus text format 0.0.4, or in OpenMetrics
/// 1.0 with exemplars (trace ids) where the scraper asks for it. No package for this is to be had (DESIGN 13), and the format is small;
/// the tests check it with promtool and a real Prometheus.
/// </summary>
public sealed class PrometheusExposition : IDisposable
{
    /// <summary>Series of one metric beyond this go into one series with the label <c>overflow="true"</c>, so that a label gone wild cannot eat the memory.</summary>
    public const int MaxSeries = 10_000;

    private static readonly double[] s_seconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
    private static readonly double[] s_counts = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096, 16384];

    private readonly MeterListener _listener = new();
    private readonly ConcurrentDictionary<string, Metric> _metrics = new(StringComparer.Ordinal);
    private readonly Lock _scrape = new();

    /// <param name="scope">Meters created by this factory are collected, and meters that belong to none; other hosts' in the same process are not.</param>
    public PrometheusExposition(IMeterFactory? scope = null)
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (IsOurs(instrument.Meter) && (instrument.Meter.Scope is null || ReferenceEquals(instrument.Meter.Scope, scope)))
            {
                var metric = _metrics.GetOrAdd(NameOf(instrument), name => new Metric(name, instrument));
                listener.EnableMeasurementEvents(instrument, metric);
            }
        };
        _listener.SetMeasurementEventCallback<byte>((_, value, tags, state) => Record(state, value, tags));
        _listener.SetMeasurementEventCallback<short>((_, value, tags, state) => Record(state, value, tags));
        _listener.SetMeasurementEventCallback<int>((_, value, tags, state) => Record(state, value, tags));
        _listener.SetMeasurementEventCallback<long>((_, value, tags, state) => Record(state, value, tags));
        _listener.SetMeasurementEventCallback<float>((_, value, tags, state) => Record(state, value, tags));
        _listener.SetMeasurementEventCallback<double>((_, value, tags, state) => Record(state, value, tags));
        _listener.SetMeasurementEventCallback<decimal>((_, value, tags, state) => Record(state, (double)value, tags));
        _listener.Start();
    }

    /// <summary>The current values as text.</summary>
    /// <param name="openMetrics">OpenMetrics 1.0 instead of Prometheus 0.0.4.</param>
    public string Write(bool openMetrics)
    {
        lock (_scrape)
        {
            foreach (var metric in _metrics.Values)
            {
                metric.BeginObservation();
            }

            _listener.RecordObservableInstruments();
            var text = new StringBuilder(64 * 1024);
            foreach (var metric in _metrics.Values.OrderBy(m => m.Name, StringComparer.Ordinal))
            {
                metric.Write(text, openMetrics);
            }

            if (openMetrics)
            {
                text.Append("# EOF\n");
            }

            return text.ToString();
        }
    }

    public void Dispose() => _listener.Dispose();

    private static bool IsOurs(Meter meter) =>
        meter.Name.StartsWith("Monitoring.", StringComparison.Ordinal) || meter.Name is "System.Runtime";

    private static string NameOf(Instrument instrument)
    {
        var name = instrument.Name.Replace('.', '_').Replace('-', '_');
        if (IsCounter(instrument) && !name.EndsWith("_total", StringComparison.Ordinal))
        {
            name += "_total";
        }

        return name;
    }

    private static bool IsCounter(Instrument instrument)
    {
        var type = instrument.GetType();
        var definition = type.IsGenericType ? type.GetGenericTypeDefinition() : null;
        return definition == typeof(Counter<>) || definition == typeof(ObservableCounter<>);
    }

    private static void Record(object? state, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags) => ((Metric)state!).Record(value, tags);

    private enum MetricKind
    {
        Counter,
        Gauge,
        Histogram,
    }

    private sealed class Metric
    {
        private readonly MetricKind _kind;
        private readonly bool _observable;
        private readonly bool _additive;
        private readonly string _help;
        private readonly double[] _buckets = [];
        private readonly ConcurrentDictionary<string, Series> _series = new(StringComparer.Ordinal);
        private int _generation;

        public Metric(string name, Instrument instrument)
        {
            Name = name;
            _help = instrument.Description ?? "";
            _observable = instrument.IsObservable;
            var type = instrument.GetType();
            var definition = type.IsGenericType ? type.GetGenericTypeDefinition() : null;
            _kind = IsCounter(instrument) ? MetricKind.Counter : definition == typeof(Histogram<>) ? MetricKind.Histogram : MetricKind.Gauge;
            _additive = !_observable && (_kind == MetricKind.Counter || definition == typeof(UpDownCounter<>));
            if (_kind == MetricKind.Histogram)
            {
                _buckets = instrument switch
                {
                    Histogram<double> { Advice.HistogramBucketBoundaries: { } b } => [.. b],
                    Histogram<long> { Advice.HistogramBucketBoundaries: { } b } => [.. b.Select(x => (double)x)],
                    Histogram<int> { Advice.HistogramBucketBoundaries: { } b } => [.. b.Select(x => (double)x)],
                    _ => name.EndsWith("_seconds", StringComparison.Ordinal) || instrument.Unit == "s" ? s_seconds : s_counts,
                };
            }
        }

        public string Name { get; }

        /// <summary>Observable series that are not reported any more (a revoked partition) disappear instead of staying at their last value.</summary>
        public void BeginObservation() => _generation++;

        public void Record(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            var labels = FormatLabels(tags);
            if (!_series.TryGetValue(labels, out var series))
            {
                series = _series.GetOrAdd(_series.Count < MaxSeries ? labels : "overflow=\"true\"", static (_, n) => new Series(n), _buckets.Length);
            }

            lock (series)
            {
                series.Generation = _generation;
                switch (_kind)
                {
                    case MetricKind.Histogram:
                        var index = Array.BinarySearch(_buckets, value);
                        index = index < 0 ? ~index : index;
                        series.Buckets[index]++;
                        series.Count++;
                        series.Value += value;
                        if (Activity.Current is { Recorded: true } activity)
                        {
                            series.Exemplars[index] = (activity.TraceId.ToHexString(), value);
                        }

                        break;
                    default:
                        series.Value = _additive ? series.Value + value : value;
                        break;
                }
            }
        }

        public void Write(StringBuilder text, bool openMetrics)
        {
            var live = _series.Where(s => !_observable || s.Value.Generation == _generation).OrderBy(s => s.Key, StringComparer.Ordinal).ToList();
            if (live.Count == 0)
            {
                return;
            }

            // OpenMetrics names the family of a counter without its _total.
            var family = openMetrics && _kind == MetricKind.Counter ? Name[..^"_total".Length] : Name;
            if (_help.Length > 0)
            {
                text.Append("# HELP ").Append(family).Append(' ').Append(_help.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal)).Append('\n');
            }

            text.Append("# TYPE ").Append(family).Append(' ').Append(_kind switch { MetricKind.Counter => "counter", MetricKind.Histogram => "histogram", _ => "gauge" }).Append('\n');
            foreach (var (labels, series) in live)
            {
                lock (series)
                {
                    if (_kind == MetricKind.Histogram)
                    {
                        WriteHistogram(text, labels, series, openMetrics);
                    }
                    else
                    {
                        WriteSample(text, Name, labels, null, series.Value);
                        text.Append('\n');
                    }
                }
            }
        }

        private void WriteHistogram(StringBuilder text, string labels, Series series, bool openMetrics)
        {
            long cumulative = 0;
            for (var i = 0; i < series.Buckets.Length; i++)
            {
                cumulative += series.Buckets[i];
                var bound = i < _buckets.Length ? Format(_buckets[i]) : "+Inf";
                WriteSample(text, Name + "_bucket", labels, $"le=\"{bound}\"", cumulative);
                if (openMetrics && series.Exemplars[i] is { TraceId: not null } exemplar)
                {
                    text.Append(" # {trace_id=\"").Append(exemplar.TraceId).Append("\"} ").Append(Format(exemplar.Value));
                }

                text.Append('\n');
            }

            WriteSample(text, Name + "_sum", labels, null, series.Value);
            text.Append('\n');
            WriteSample(text, Name + "_count", labels, null, series.Count);
            text.Append('\n');
        }

        private static void WriteSample(StringBuilder text, string name, string labels, string? extraLabel, double value)
        {
            text.Append(name);
            if (labels.Length > 0 || extraLabel is not null)
            {
                text.Append('{').Append(labels);
                if (extraLabel is not null)
                {
                    text.Append(labels.Length > 0 ? "," : "").Append(extraLabel);
                }

                text.Append('}');
            }

            text.Append(' ').Append(Format(value));
        }

        private static string Format(double value) => value switch
        {
            double.PositiveInfinity => "+Inf",
            double.NegativeInfinity => "-Inf",
            _ => value.ToString("R", CultureInfo.InvariantCulture),
        };

        private static string FormatLabels(ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            if (tags.Length == 0)
            {
                return "";
            }

            var sorted = ArrayPool<KeyValuePair<string, object?>>.Shared.Rent(tags.Length);
            try
            {
                tags.CopyTo(sorted);
                var used = sorted.AsSpan(0, tags.Length);
                used.Sort(static (a, b) => string.CompareOrdinal(a.Key, b.Key));
                var text = new StringBuilder();
                foreach (var (key, value) in used)
                {
                    text.Append(text.Length > 0 ? "," : "").Append(key.Replace('.', '_').Replace('-', '_')).Append("=\"");
                    foreach (var c in Convert.ToString(value, CultureInfo.InvariantCulture) ?? "")
                    {
                        _ = c switch
                        {
                            '\\' => text.Append("\\\\"),
                            '"' => text.Append("\\\""),
                            '\n' => text.Append("\\n"),
                            _ => text.Append(c),
                        };
                    }

                    text.Append('"');
                }

                return text.ToString();
            }
            finally
            {
                ArrayPool<KeyValuePair<string, object?>>.Shared.Return(sorted, clearArray: true);
            }
        }
    }

    private sealed class Series(int boundaries)
    {
        public readonly long[] Buckets = new long[boundaries + 1];
        public readonly (string? TraceId, double Value)[] Exemplars = new (string?, double)[boundaries + 1];
        public double Value;
        public long Count;
        public int Generation;
    }
}
