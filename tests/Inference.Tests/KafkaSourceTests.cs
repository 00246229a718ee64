using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Monitoring.Contracts;
using Monitoring.EventLog;
using Monitoring.EventLog.Kafka;
using Monitoring.Hosting;
using Monitoring.TestKit;

namespace Monitoring.Inference.Tests;

/// <summary>Topics that other model servers' loggers write, on librdkafka's mock cluster: the real protocol over TCP.</summary>
public sealed class KafkaSourceTests : IAsyncDisposable
{
    private const string Request = """{"id":"abc","inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[1,2]}]}""";
    private const string Response = """{"model_name":"digits","model_version":"3","id":"abc","outputs":[{"name":"y","shape":[1,1],"datatype":"FP32","data":[0.5]}]}""";
    private readonly MockKafkaCluster _cluster = new();
    private readonly KafkaEventLog _producer;

    public KafkaSourceTests() =>
        _producer = new KafkaEventLog(new KafkaEventLogOptions { BootstrapServers = _cluster.BootstrapServers, GroupProtocol = KafkaGroupProtocol.Consumer }, TimeProvider.System, NullLoggerFactory.Instance);

    private string Models => $$"""
        models:
          - name: digits
            client: ["metadata:X-User", "attribute:tenant"]
        sources:
          - name: mesh
            topics: [knative, seldon, seldon.default.model.digits.inputs, seldon.default.model.digits.outputs]
            kafka: { bootstrapServers: '{{_cluster.BootstrapServers}}', groupProtocol: consumer }
        """;

    public async ValueTask DisposeAsync()
    {
        await _producer.DisposeAsync();
        _cluster.Dispose();
    }

    [Fact]
    public async Task Knative_in_both_modes_Seldons_logger_and_Seldon_Core_2_become_events_and_what_is_none_is_put_aside()
    {
        foreach (var topic in new[] { "knative", "seldon", "seldon.default.model.digits.inputs", "seldon.default.model.digits.outputs" })
        {
            _cluster.CreateTopic(topic, 2);
        }

        await using var server = await TestServer.StartAsync(Models);

        // CloudEvents, binary mode; the halves on different partitions, the response first.
        await SendAsync("knative", 1, Response, KServe("bin-1", isResponse: true));
        await SendAsync("knative", 0, Request, KServe("bin-1", isResponse: false));

        // CloudEvents, structured mode.
        foreach (var isResponse in new[] { false, true })
        {
            var data = isResponse ? Response : Request;
            await SendAsync("knative", 0, $$$"""{"specversion":"1.0","type":"org.kubeflow.serving.inference.{{{(isResponse ? "response" : "request")}}}","source":"http://s","id":"str-1","time":"2026-01-01T00:00:00Z","inferenceservicename":"digits","component":"predictor","endpoint":"default","datacontenttype":"application/json","data":{{{data}}}}""", [("content-type", "application/cloudevents+json; charset=UTF-8")]);
        }

        // Seldon's logger: its own headers, no id, no time, no key.
        foreach (var (partition, isResponse) in new[] { (0, true), (1, false) })
        {
            await SendAsync("seldon", partition, isResponse ? """{"data":{"names":["p"],"ndarray":[[0.25]]}}""" : """{"data":{"names":["a","b"],"ndarray":[[3,4]]}}""",
                [("type", "io.seldon.serving.inference." + (isResponse ? "response" : "request")), ("content-type", "application/json"), ("modelid", "classifier"), ("requestid", "puid-1"), ("inferenceservicename", "digits"), ("namespace", "default"), ("endpoint", "default"), ("protocol", "seldon"), ("tenant", "acme")]);
        }

        // Seldon Core 2: protobuf on two topics, joined by the request id; once typed contents, once raw behind a schema registry's bytes.
        (string, string)[] caller = [("x-request-id", "req-1"), ("x-user", "bob"), ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")];
        await SendAsync("seldon.default.model.digits.inputs", 0, Protobuf(isResponse: false, [5f, 6f], raw: false), caller);
        await SendAsync("seldon.default.model.digits.outputs", 1, [0, 0, 0, 0, 7, 0, .. Protobuf(isResponse: true, [0.75f], raw: true)], caller);

        // Not an event, and an event of a model that nobody configured.
        await SendAsync("knative", 0, "nonsense", []);
        await SendAsync("knative", 0, Request, [.. KServe("bin-2", isResponse: false).Where(h => h.Item1 != "ce_inferenceservicename"), ("ce_inferenceservicename", "nobody")]);

        var events = await server.EventsAsync(4);
        float[] Inputs(InferenceEvent e) => e.Inputs.Single().Datatype == "FP64"
            ? [.. MemoryMarshal.Cast<byte, double>(e.Inputs.Single().Data.Span).ToArray().Select(v => (float)v)]
            : MemoryMarshal.Cast<byte, float>(e.Inputs.Single().Data.Span).ToArray();
        Assert.Equal([[1f, 2f], [1f, 2f], [3f, 4f], [5f, 6f]], events.Select(Inputs).OrderBy(i => i[0]));
        Assert.All(events, e => Assert.Single(e.Outputs));

        var sealer = server.App.Services.GetRequiredService<ClientSealer>();
        var seldon2 = events.Single(e => Inputs(e)[0] == 5);
        Assert.Equal("bob", sealer.Reveal("client", seldon2.Client.Id));
        Assert.Equal("metadata:X-User", seldon2.Client.Source);
        Assert.Contains(await server.EventsAsync(), e => e.Event.Id == seldon2.Id && e.Entry.Headers.Any(h => h.Name == Headers.TraceParent && Encoding.UTF8.GetString(h.Value.Span).StartsWith("00-0af7651916cd43dd", StringComparison.Ordinal)));
        Assert.Equal([0.75f], MemoryMarshal.Cast<byte, float>(seldon2.Outputs.Single().Data.Span).ToArray());
        Assert.Equal("acme", sealer.Reveal("client", events.Single(e => Inputs(e)[0] == 3).Client.Id));
        Assert.Contains(events, e => e.RequestId == "abc" && e.ModelVersion == "3");

        var reasons = new List<string>();
        await Eventually.TrueAsync(
            async () =>
            {
                try
                {
                    reasons = [.. (await server.Log.ReadAsync(Topics.DeadLetters("knative", "monitoring-source-mesh"), 0, 0, long.MaxValue).ToListAsync())
                        .Select(e => Encoding.UTF8.GetString(e.Headers.Single(h => h.Name == Headers.DeadLetterReason).Value.Span))];
                }
                catch (UnknownTopicException)
                {
                    return false;
                }

                return reasons.Count >= 2;
            },
            "two dead letters");
        Assert.Equal(2, reasons.Count);
        Assert.Contains(reasons, r => r.Contains("no CloudEvent", StringComparison.Ordinal));
        Assert.Contains(reasons, r => r.Contains("nobody", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_restart_goes_on_behind_what_was_taken()
    {
        _cluster.CreateTopic("knative", 1);
        var models = Models.Replace(", seldon, seldon.default.model.digits.inputs, seldon.default.model.digits.outputs", "", StringComparison.Ordinal);
        using var folder = new TemporaryDirectory();
        for (var run = 0; run < 2; run++)
        {
            await SendAsync("knative", 0, Request, KServe($"run-{run}", isResponse: false));
            await SendAsync("knative", 0, Response, KServe($"run-{run}", isResponse: true));
            await using var server = await TestServer.StartAsync(models, folder.Path);
            await server.EventsAsync(run + 1);
        }
    }

    [Theory]
    [InlineData("0a")]
    [InlineData("ff")]
    [InlineData("2a0401020304")]
    [InlineData("000000000700")]
    [InlineData("2a0d0a01781204465033321a02010228")]
    public void Broken_protobuf_is_refused(string hexadecimal) =>
        Assert.Equal(400, Assert.Throws<ProtocolException>(() => LoggedPayload.Read(Convert.FromHexString(hexadecimal), null, isResponse: false)).Status);

    private static (string, string)[] KServe(string id, bool isResponse) =>
    [
        ("ce_specversion", "1.0"), ("ce_id", id), ("ce_source", "http://s"), ("ce_type", "org.kubeflow.serving.inference." + (isResponse ? "response" : "request")),
        ("ce_time", "2026-01-01T00:00:00Z"), ("ce_inferenceservicename", "digits"), ("ce_component", "predictor"), ("ce_endpoint", "default"), ("content-type", "application/json"),
    ];

    private Task SendAsync(string topic, int partition, string value, (string Name, string Value)[] headers) => SendAsync(topic, partition, Encoding.UTF8.GetBytes(value), headers);

    private async Task SendAsync(string topic, int partition, byte[] value, (string Name, string Value)[] headers) =>
        await _producer.AppendAsync(topic, new LogRecord("k"u8.ToArray(), value, [.. headers.Select(h => new LogHeader(h.Name, Encoding.UTF8.GetBytes(h.Value)))], partition), TestContext.Current.CancellationToken);

    /// <summary>ModelInferRequest or ModelInferResponse with one FP32 tensor of one row, written by hand.</summary>
    private static byte[] Protobuf(bool isResponse, float[] values, bool raw)
    {
        var numbers = new byte[values.Length * 4];
        for (var i = 0; i < values.Length; i++)
        {
            BinaryPrimitives.WriteSingleLittleEndian(numbers.AsSpan(i * 4), values[i]);
        }

        byte[] tensor = [.. Field(1, "x"u8.ToArray()), .. Field(2, "FP32"u8.ToArray()), .. Field(3, [1, (byte)values.Length]), .. raw ? [] : Field(5, Field(6, numbers))];
        return [.. Field(1, "digits"u8.ToArray()), .. Field(3, "req-1"u8.ToArray()), .. Field(5, tensor), .. raw ? Field(isResponse ? 6 : 7, numbers) : []];

        static byte[] Field(int number, byte[] bytes) => [(byte)((number << 3) | 2), (byte)bytes.Length, .. bytes];
    }
}
