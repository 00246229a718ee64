using System.Net;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Monitoring.Contracts;
using Monitoring.EventLog;
using Monitoring.Hosting;
using Monitoring.TestKit;

namespace Monitoring.Inference.Tests;

/// <summary>From the call to the log: nothing lost, nobody waiting.</summary>
public sealed class CaptureTests
{
    private const string Flights = """
        models:
          - name: flights
            onnx: { path: "{demo}/flights.onnx" }
        """;

    private const string Body = """{"inputs":[{"name":"features","shape":[1,5],"datatype":"FP32","data":[9,1,300,2,3]}]}""";

    [Fact]
    public async Task While_the_log_is_away_calls_are_answered_and_every_event_arrives_later()
    {
        using var folder = new TemporaryDirectory();
        AwayLog? log = null;
        await using var server = await TestServer.StartAsync(Flights, folder.Path, services => Wrap(services, inner => log = new AwayLog(inner)));
        await server.EventsAsync(0);
        log!.IsAway = true;
        await Parallel.ForAsync(0, 200, TestContext.Current.CancellationToken, async (_, _) =>
            Assert.Equal(HttpStatusCode.OK, (await server.PostAsync("/v2/models/flights/infer", Body)).Status));
        Assert.Empty(await server.EventsAsync());
        await Eventually.TrueAsync(() => log.Refused > 1, "the publisher tries again");
        log.IsAway = false;
        var events = await server.EventsAsync(200);
        Assert.Equal(200, events.Select(e => e.Id).Distinct().Count());
        Assert.Equal(Enumerable.Range(1, 200).Select(i => (ulong)i), events.Select(e => e.Source.Sequence));
    }

    [Fact]
    public async Task What_waited_in_the_spool_is_published_after_a_restart_once_per_id()
    {
        using var folder = new TemporaryDirectory();
        await using (var server = await TestServer.StartAsync(Flights, folder.Path, services => Wrap(services, inner => new AwayLog(inner) { IsAway = true })))
        {
            for (var i = 0; i < 20; i++)
            {
                await server.PostAsync("/v2/models/flights/infer", Body);
            }
        }

        await using var again = await TestServer.StartAsync(Flights, folder.Path);
        await again.PostAsync("/v2/models/flights/infer", Body);
        var events = await again.EventsAsync(21);
        Assert.Equal(21, events.Select(e => e.Id).Distinct().Count());
        Assert.Equal([1UL], events.GroupBy(e => e.Source.StartUnixNano).MaxBy(g => g.Key)!.Select(e => e.Source.Sequence));
    }

    [Fact]
    public async Task Beyond_spoolMaxBytes_events_are_dropped_and_counted_and_leave_a_gap()
    {
        using var folder = new TemporaryDirectory();
        AwayLog? log = null;
        await using var server = await TestServer.StartAsync("capture: { spoolMaxBytes: 4KiB }\n" + Flights, folder.Path, services => Wrap(services, inner => log = new AwayLog(inner) { IsAway = true }));
        for (var i = 0; i < 100; i++)
        {
            Assert.Equal(HttpStatusCode.OK, (await server.PostAsync("/v2/models/flights/infer", Body)).Status);
        }

        var statistics = server.App.Services.GetRequiredService<ModelRepository>().Get("flights").Statistics;
        Assert.Equal(100, statistics.Captured + statistics.Dropped);
        Assert.InRange(statistics.Captured, 5, 50);
        log!.IsAway = false;
        await Eventually.TrueAsync(() => server.App.Services.GetRequiredService<Spool>().PendingBytes == 0, "the spool is empty");
        await server.PostAsync("/v2/models/flights/infer", Body);
        var events = await server.EventsAsync((int)statistics.Captured);
        Assert.Equal(101UL, events[^1].Source.Sequence);
        var metrics = await server.Client.GetStringAsync("/metrics", TestContext.Current.CancellationToken);
        Assert.Contains($"monitoring_inference_dropped_total{{model=\"flights\"}} {statistics.Dropped}", metrics, StringComparison.Ordinal);
        Assert.Contains("monitoring_inference_received_total{model=\"flights\"} 101", metrics, StringComparison.Ordinal);
        Assert.Contains("monitoring_inference_requests_total{model=\"flights\",status=\"200\"} 101", metrics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_promised_of_serving_comes_as_metrics_and_later_calls_are_counted()
    {
        await using var server = await TestServer.StartAsync(Flights + "\n    serviceObjective: { availability: 0.95, latency: 0s, latencyShare: 0.9 }");
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal(HttpStatusCode.OK, (await server.PostAsync("/v2/models/flights/infer", Body)).Status);
        }

        var metrics = await server.Client.GetStringAsync("/metrics", TestContext.Current.CancellationToken);
        Assert.Contains("monitoring_inference_slow_total{model=\"flights\"} 3", metrics, StringComparison.Ordinal);
        Assert.Contains("monitoring_inference_error_budget_ratio{model=\"flights\"} 0.05", metrics, StringComparison.Ordinal);
        Assert.Contains("monitoring_inference_latency_budget_ratio{model=\"flights\"} 0.1", metrics, StringComparison.Ordinal);
        Assert.Contains("monitoring_inference_latency_objective_seconds{model=\"flights\"} 0", metrics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_call_too_large_for_a_record_is_split_by_row()
    {
        await using var server = await TestServer.StartAsync("""
            models:
              - name: digits
                onnx: { path: "{demo}/digits.onnx" }
            """);
        var values = new float[700 * 784];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = i % 251 / 251f;
        }

        var header = Encoding.UTF8.GetBytes($$$"""{"inputs":[{"name":"image","shape":[700,1,28,28],"datatype":"FP32","parameters":{"binary_data_size":{{{values.Length * 4}}}}}]}""");
        var (status, _) = await server.PostAsync("/v2/models/digits/infer", [.. header, .. MemoryMarshal.AsBytes<float>(values)], "application/octet-stream", ("Inference-Header-Content-Length", header.Length.ToString(System.Globalization.CultureInfo.InvariantCulture)));
        Assert.Equal(HttpStatusCode.OK, status);
        await Eventually.TrueAsync(async () => (await server.EventsAsync()) is { Count: > 0 } e && e.Count == e[0].Event.Part.Count, "all parts");
        var parts = (await server.EventsAsync()).Select(e => e.Event).OrderBy(e => e.Part.Index).ToList();
        Assert.InRange(parts.Count, 3, 5);
        Assert.All(parts, p => Assert.True(p.CalculateSize() <= 900_000));
        Assert.Equal(700, parts.Sum(p => p.Inputs[0].Shape[0]));
        Assert.Equal(parts.Count, parts.Select(p => p.Id).Distinct().Count());
        Assert.Single(parts.Select(p => p.Part.CallId).Distinct());
        long row = 0;
        foreach (var part in parts)
        {
            Assert.Equal(row, part.Part.FirstRow);
            Assert.Equal(part.Inputs[0].Shape[0], part.Outputs[0].Shape[0]);
            row += part.Inputs[0].Shape[0];
        }

        Assert.Equal(MemoryMarshal.AsBytes<float>(values).ToArray(), parts.SelectMany(p => p.Inputs[0].Data.ToByteArray()).ToArray());
    }

    [Fact]
    public void A_single_row_too_large_goes_to_the_artifact_store()
    {
        using var folder = new TemporaryDirectory();
        var store = new ArtifactStore(folder.Path);
        var data = new byte[1_000_000];
        data[5] = 1;
        var value = new InferenceEvent { Id = "x", Source = new Source() };
        value.Inputs.Add(new Tensor { Name = "big", Datatype = "UINT8", Shape = { 1, 1_000_000 }, Data = Google.Protobuf.ByteString.CopyFrom(data) });
        value.Inputs.Add(new Tensor { Name = "small", Datatype = "UINT8", Shape = { 1, 3 }, Data = Google.Protobuf.ByteString.CopyFrom(1, 2, 3) });
        var part = Assert.Single(new EventSplitter(store).Split(value));
        Assert.Equal("x", part.Id);
        Assert.Null(part.Part);
        Assert.Equal(1_000_000, part.Inputs[0].Artifact.Length);
        Assert.True(part.Inputs[0].Data.IsEmpty);
        Assert.Equal(data, store.Get(part.Inputs[0].Artifact.Sha256));
        Assert.Equal(3, part.Inputs[1].Data.Length);
        File.WriteAllBytes(Directory.GetFiles(folder.Path, "*", SearchOption.AllDirectories).Single(), [1]);
        Assert.Throws<InvalidDataException>(() => store.Get(part.Inputs[0].Artifact.Sha256));
    }

    [Fact]
    public void Strings_are_split_by_row_too()
    {
        var value = new InferenceEvent { Id = "x", Source = new Source() };
        var data = new List<byte>();
        for (var row = 0; row < 10; row++)
        {
            foreach (var size in new[] { 10, row * 40_000 })
            {
                data.AddRange(BitConverter.GetBytes(size));
                data.AddRange(Enumerable.Repeat((byte)row, size));
            }
        }

        value.Inputs.Add(new Tensor { Name = "text", Datatype = "BYTES", Shape = { 10, 2 }, Data = Google.Protobuf.ByteString.CopyFrom([.. data]) });
        using var folder = new TemporaryDirectory();
        var parts = new EventSplitter(new ArtifactStore(folder.Path)).Split(value);
        Assert.True(parts.Count > 1);
        Assert.Equal(10, parts.Sum(p => p.Inputs[0].Shape[0]));
        Assert.All(parts, p => Assert.True(p.CalculateSize() <= EventSplitter.MaxBytes));
        Assert.Equal(data, parts.SelectMany(p => p.Inputs[0].Data.ToByteArray()));
    }

    [Fact]
    public async Task Redacted_features_and_parameters_never_reach_the_log()
    {
        await using var server = await TestServer.StartAsync(Flights + "\n    schema: \"{demo}/flights.schema.json\"\n    redact: [distance, secret]");
        await server.PostAsync("/v2/models/flights/infer", """{"parameters":{"secret":"s3","kept":"k"},"inputs":[{"name":"features","shape":[1,5],"datatype":"FP32","data":[9,1,300,2,3]}]}""");
        var captured = (await server.EventsAsync(1))[0];
        var row = MemoryMarshal.Cast<byte, float>(captured.Inputs[0].Data.Span).ToArray();
        Assert.Equal([9, 1, float.NaN, 2, 3], row);
        Assert.Equal(["kept"], captured.Attributes.Select(a => a.Key));
    }

    [Theory]
    [InlineData("""{"inputs":[{"name":"features","shape":[1,5],"datatype":"FP32","data":[9,1,31337,2,3]}]}""", 200)]
    [InlineData("""{"inputs":[{"name":"features","shape":[1,6],"datatype":"FP32","data":[9,1,31337,2,3,4]}]}""", 400)]
    [InlineData("""{"inputs":[{"name":"features","shape":[1,5],"datatype":"FP32","data":[9,1,31337e90,2,3]}]}""", 400)]
    [InlineData("""{"inputs":[{"name":"features","shape":[1,5],"datatype":"BYTES","data":["9","1","31337","2","3"]}]}""", 400)]
    public async Task A_redacted_value_reaches_the_log_neither_in_a_refused_call_nor_in_what_is_said_of_it(string body, int status)
    {
        await using var server = await TestServer.StartAsync(Flights + "\n    schema: \"{demo}/flights.schema.json\"\n    redact: [distance]");
        Assert.Equal(status, (int)(await server.PostAsync("/v2/models/flights/infer", body)).Status);
        var captured = (await server.EventsAsync(1))[0];
        Assert.DoesNotContain("31337", captured.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(captured.Inputs, t => t.Data.Span.IndexOf(BitConverter.GetBytes(31337f)) >= 0 || t.Data.Span.IndexOf("31337"u8) >= 0);
        Assert.True(status == 200 || captured.Error.Length > 0);
    }

    [Fact]
    public async Task Capture_with_fsync_and_without_capture_both_answer()
    {
        await using (var server = await TestServer.StartAsync("capture: { mode: fsync }\n" + Flights))
        {
            Assert.Equal(HttpStatusCode.OK, (await server.PostAsync("/v2/models/flights/infer", Body)).Status);
            await server.EventsAsync(1);
        }

        await using var off = await TestServer.StartAsync("capture: { mode: \"off\" }\n" + Flights);
        Assert.Equal(HttpStatusCode.OK, (await off.PostAsync("/v2/models/flights/infer", Body)).Status);
        Assert.Equal(0, off.App.Services.GetRequiredService<ModelRepository>().Get("flights").Statistics.Captured);
    }

    [Fact]
    public async Task Shards_are_chosen_by_client()
    {
        await using var server = await TestServer.StartAsync(Flights + "\n    shards: 4\n    client: [\"header:X-User\"]");
        for (var i = 0; i < 40; i++)
        {
            await server.PostAsync("/v2/models/flights/infer", Body, ("X-User", $"user-{i % 8}"));
        }

        await server.EventsAsync(40);
        var keys = (await server.EventsAsync()).GroupBy(e => e.Event.Client.Id).Select(g => g.Select(e => Encoding.UTF8.GetString(e.Entry.Key.Span)).Distinct().Single()).ToList();
        Assert.Equal(8, keys.Count);
        Assert.All(keys, k => Assert.Matches("^flights#[0-3]$", k));
        Assert.True(keys.Distinct().Count() > 1);
    }

    private static void Wrap(IServiceCollection services, Func<IEventLog, IEventLog> wrap)
    {
        var original = services.Last(d => d.ServiceType == typeof(IEventLog));
        services.Replace(ServiceDescriptor.Singleton(provider => wrap((IEventLog)original.ImplementationFactory!(provider))));
    }

    /// <summary>A log that refuses appends while it is away.</summary>
    private sealed class AwayLog(IEventLog inner) : IEventLog
    {
        public volatile bool IsAway;
        private int _refused;

        public int Refused => _refused;

        public ValueTask EnsureTopicAsync(TopicDefinition definition, CancellationToken cancellationToken = default) => inner.EnsureTopicAsync(definition, cancellationToken);

        public ValueTask<int> GetPartitionCountAsync(string topic, CancellationToken cancellationToken = default) => inner.GetPartitionCountAsync(topic, cancellationToken);

        public ValueTask<LogPosition> AppendAsync(string topic, LogRecord record, CancellationToken cancellationToken = default) => inner.AppendAsync(topic, record, cancellationToken);

        public ValueTask<IReadOnlyList<LogPosition>> AppendAsync(string topic, IReadOnlyList<LogRecord> records, CancellationToken cancellationToken = default)
        {
            if (IsAway)
            {
                Interlocked.Increment(ref _refused);
                throw new EventLogException("the test has taken the log away", isTransient: true);
            }

            return inner.AppendAsync(topic, records, cancellationToken);
        }

        public ValueTask<OffsetRange> GetOffsetsAsync(string topic, int partition, CancellationToken cancellationToken = default) => inner.GetOffsetsAsync(topic, partition, cancellationToken);

        public ValueTask<long> FindOffsetAsync(string topic, int partition, long timeUnixNano, CancellationToken cancellationToken = default) => inner.FindOffsetAsync(topic, partition, timeUnixNano, cancellationToken);

        public IAsyncEnumerable<LogEntry> ReadAsync(string topic, int partition, long from, long to, CancellationToken cancellationToken = default) => inner.ReadAsync(topic, partition, from, to, cancellationToken);

        public ValueTask<ISubscription> SubscribeAsync(GroupSubscription subscription, CancellationToken cancellationToken = default) => inner.SubscribeAsync(subscription, cancellationToken);

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
