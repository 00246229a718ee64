using System.IO.Compression;
using System.Net;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Monitoring.Contracts;
using Monitoring.Hosting;
using Monitoring.TestKit;

namespace Monitoring.Inference.Tests;

/// <summary>Events of other servers' loggers, as they are on the wire (reference/wire-formats.md, 4.2 and 4.4).</summary>
public sealed class EventsTests
{
    private const string Models = """
        models:
          - name: digits
            client: ["attribute:tenant", "metadata:X-User"]
        """;

    private const string Request = """{"id":"abc","inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[1,2]}]}""";
    private const string Response = """{"model_name":"digits","model_version":"3","id":"abc","outputs":[{"name":"y","shape":[1,1],"datatype":"FP32","data":[0.5]}]}""";

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task KServes_two_events_become_one_in_either_order(bool responseFirst)
    {
        await using var server = await TestServer.StartAsync(Models);
        var halves = new[] { false, true };
        foreach (var isResponse in responseFirst ? halves.Reverse() : halves)
        {
            var (status, body) = await KServeAsync(server, "id-1", isResponse, Encoding.UTF8.GetBytes(isResponse ? Response : Request));
            Assert.True(status == HttpStatusCode.OK, body.ToString());
        }

        var joined = (await server.EventsAsync(1))[0];
        Assert.Equal("abc", joined.RequestId);
        Assert.Equal("3", joined.ModelVersion);
        Assert.Equal([1f, 2f], MemoryMarshal.Cast<byte, float>(joined.Inputs.Single().Data.Span).ToArray());
        Assert.Equal([0.5f], MemoryMarshal.Cast<byte, float>(joined.Outputs.Single().Data.Span).ToArray());
        Assert.Equal(200, joined.Status);
        Assert.Equal(5_000_000, joined.LatencyNano);
        Assert.Equal("metadata:X-User", joined.Client.Source);
        Assert.Equal("bob", server.App.Services.GetRequiredService<ClientSealer>().Reveal("client", joined.Client.Id));
        Assert.Equal(EventCapture.UnixNano(DateTimeOffset.Parse("2026-01-01T00:00:00Z", System.Globalization.CultureInfo.InvariantCulture)), joined.TimeUnixNano);
    }

    [Fact]
    public async Task Repeated_halves_make_one_event_and_other_components_another()
    {
        await using var server = await TestServer.StartAsync(Models);
        for (var i = 0; i < 2; i++)
        {
            await KServeAsync(server, "same", false, Encoding.UTF8.GetBytes(Request));
            await KServeAsync(server, "same", true, Encoding.UTF8.GetBytes(Response));
        }

        await KServeAsync(server, "same", true, Encoding.UTF8.GetBytes(Response), component: "transformer");
        await KServeAsync(server, "same", false, Encoding.UTF8.GetBytes(Request), component: "transformer");
        var events = await server.EventsAsync(2);
        Assert.Equal(2, events.Select(e => e.Id).Distinct().Count());
        Assert.Equal(2, server.App.Services.GetRequiredService<ModelRepository>().Get("digits").Statistics.Duplicates);
    }

    [Fact]
    public async Task Halves_whose_other_half_never_comes_are_published_alone_and_counted()
    {
        await using var server = await TestServer.StartAsync("capture: { joinWindow: 100ms }\n" + Models);
        await KServeAsync(server, "q", false, Encoding.UTF8.GetBytes(Request));
        await KServeAsync(server, "r", true, Encoding.UTF8.GetBytes(Response));
        var events = await server.EventsAsync(2);
        var statistics = server.App.Services.GetRequiredService<ModelRepository>().Get("digits").Statistics;
        Assert.Equal((1, 1), (statistics.UnmatchedRequests, statistics.UnmatchedResponses));
        Assert.Equal(0, events.Single(e => e.Inputs.Count == 1).Status);
        Assert.Empty(events.Single(e => e.Inputs.Count == 1).Outputs);
        Assert.Equal(200, events.Single(e => e.Outputs.Count == 1).Status);
        Assert.Equal(0, server.App.Services.GetRequiredService<EventJoiner>().Waiting);
    }

    [Fact]
    public async Task A_half_that_waits_survives_a_restart()
    {
        using var folder = new TemporaryDirectory();
        await using (var server = await TestServer.StartAsync(Models, folder.Path))
        {
            await KServeAsync(server, "done", false, Encoding.UTF8.GetBytes(Request));
            await KServeAsync(server, "done", true, Encoding.UTF8.GetBytes(Response));
            await KServeAsync(server, "open", false, Encoding.UTF8.GetBytes(Request));
            await server.EventsAsync(1);
        }

        await using var again = await TestServer.StartAsync(Models, folder.Path);
        Assert.Equal(1, again.App.Services.GetRequiredService<EventJoiner>().Waiting);
        await KServeAsync(again, "open", true, Encoding.UTF8.GetBytes(Response));
        await KServeAsync(again, "done", true, Encoding.UTF8.GetBytes(Response));
        var events = await again.EventsAsync(2);
        Assert.All(events, e => Assert.Equal((1, 1), (e.Inputs.Count, e.Outputs.Count)));
    }

    [Fact]
    public async Task Binary_tensors_are_found_without_the_header_that_loggers_drop_and_gzip_is_sniffed()
    {
        await using var server = await TestServer.StartAsync(Models);
        byte[] request = [.. """{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","parameters":{"binary_data_size":8}}]}"""u8, .. MemoryMarshal.AsBytes<float>(new float[] { 3, 4 })];
        byte[] response = [.. """{"model_name":"digits","outputs":[{"name":"y","shape":[1],"datatype":"FP32","parameters":{"binary_data_size":4}}]}"""u8, .. MemoryMarshal.AsBytes<float>(new float[] { 9 })];
        using var packed = new MemoryStream();
        await using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            await gzip.WriteAsync(response, TestContext.Current.CancellationToken);
        }

        await KServeAsync(server, "b", false, request);
        Assert.Equal(HttpStatusCode.OK, (await KServeAsync(server, "b", true, packed.ToArray())).Status);
        var joined = (await server.EventsAsync(1))[0];
        Assert.Equal([3f, 4f], MemoryMarshal.Cast<byte, float>(joined.Inputs[0].Data.Span).ToArray());
        Assert.Equal([9f], MemoryMarshal.Cast<byte, float>(joined.Outputs[0].Data.Span).ToArray());
    }

    [Fact]
    public async Task KServe_v1_payloads_become_tensors()
    {
        await using var server = await TestServer.StartAsync(Models);
        await KServeAsync(server, "v1", false, """{"instances":[[1,2,3],[4,5,6]]}"""u8.ToArray());
        await KServeAsync(server, "v1", true, """{"predictions":[0.1,0.9]}"""u8.ToArray());
        var joined = (await server.EventsAsync(1))[0];
        Assert.Equal([2L, 3], joined.Inputs[0].Shape);
        Assert.Equal("FP64", joined.Inputs[0].Datatype);
        Assert.Equal([0.1, 0.9], MemoryMarshal.Cast<byte, double>(joined.Outputs[0].Data.Span).ToArray());
    }

    [Fact]
    public async Task Seldons_events_are_joined_by_requestid()
    {
        await using var server = await TestServer.StartAsync(Models);
        foreach (var (type, id, body) in new[]
        {
            ("request", "uuid-1", """{"meta":{"puid":"p1"},"data":{"names":["a","b"],"ndarray":[[1,2]]}}"""),
            ("response", "uuid-2", """{"meta":{"puid":"p1"},"data":{"tensor":{"shape":[1,2],"values":[0.2,0.8]}}}"""),
        })
        {
            var (status, _) = await server.PostAsync(
                "/events",
                body,
                ("ce-specversion", "1.0"),
                ("ce-id", id),
                ("ce-type", "io.seldon.serving.inference." + type),
                ("ce-source", "http://seldon"),
                ("ce-requestid", "p1"),
                ("ce-modelid", "node"),
                ("ce-inferenceservicename", "digits"));
            Assert.Equal(HttpStatusCode.Accepted, status);
        }

        var joined = (await server.EventsAsync(1))[0];
        Assert.Equal([1.0, 2.0], MemoryMarshal.Cast<byte, double>(joined.Inputs[0].Data.Span).ToArray());
        Assert.Equal([0.2, 0.8], MemoryMarshal.Cast<byte, double>(joined.Outputs[0].Data.Span).ToArray());
        Assert.Equal("p1", joined.RequestId);
    }

    [Fact]
    public async Task Plain_structured_and_batched_events_are_taken_and_repeats_of_an_id_are_one()
    {
        await using var server = await TestServer.StartAsync(Models.Replace("\"attribute:tenant\"", "\"attribute:client\"", StringComparison.Ordinal));
        const string plain = """{"model":"digits","version":"2","client":"acme","time":"2026-02-03T04:05:06.5Z","id":"one","inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[1,2]}],"outputs":[{"name":"y","shape":[1],"datatype":"FP32","data":[3]}]}""";
        for (var i = 0; i < 2; i++)
        {
            Assert.Equal(HttpStatusCode.Accepted, (await server.PostAsync("/events", plain)).Status);
        }

        const string structured = """{"specversion":"1.0","id":"s1","source":"app","type":"example.call","time":"2026-02-03T04:05:06Z","client":"beta","data":{"model":"digits","inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[5,6]}]}}""";
        for (var i = 0; i < 2; i++)
        {
            Assert.Equal(HttpStatusCode.Accepted, (await server.PostAsync("/events", Encoding.UTF8.GetBytes(structured), "application/cloudevents+json")).Status);
        }

        var batch = $"[{structured.Replace("s1", "s2", StringComparison.Ordinal)},{structured.Replace("s1", "s3", StringComparison.Ordinal)}]";
        Assert.Equal(HttpStatusCode.Accepted, (await server.PostAsync("/events", Encoding.UTF8.GetBytes(batch), "application/cloudevents-batch+json")).Status);
        var events = await server.EventsAsync(4);
        var sealer = server.App.Services.GetRequiredService<ClientSealer>();
        Assert.Equal(["acme", "beta", "beta", "beta"], events.Select(e => sealer.Reveal("client", e.Client.Id)));
        Assert.Equal("2", events[0].ModelVersion);
        Assert.Equal("one", events[0].RequestId);
        Assert.Equal("2026-02-03T04:05:06.500000000Z", SpooledEvent.FormatTime(events[0].TimeUnixNano));
        Assert.Equal([3f], MemoryMarshal.Cast<byte, float>(events[0].Outputs[0].Data.Span).ToArray());
    }

    public static TheoryData<string, int, string> BadEvents => new()
    {
        { "{", 400, "malformed JSON" },
        { "[]", 400, "must be a JSON object" },
        { "{}", 400, "'model' is missing" },
        { """{"model":"none","inputs":[]}""", 404, "model 'none' is unknown" },
        { """{"model":"digits"}""", 400, "'inputs' is missing" },
        { """{"model":"digits","time":"yesterday-ish","inputs":[]}""", 400, "'time' is not an RFC 3339 time" },
        { """{"model":"digits","inputs":[{"name":"x","shape":[3],"datatype":"FP32","data":[1]}]}""", 400, "does not hold the 3 elements" },
    };

    [Theory]
    [MemberData(nameof(BadEvents))]
    public async Task Bad_events_are_refused_in_the_error_form(string body, int expected, string message)
    {
        await using var server = await TestServer.StartAsync(Models);
        var (status, answer) = await server.PostAsync("/events", body);
        Assert.Equal(expected, (int)status);
        Assert.Contains(message, answer.GetProperty("error").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Bad_logger_events_are_refused_in_the_error_form()
    {
        await using var server = await TestServer.StartAsync(Models);
        foreach (var (payload, message) in new[]
        {
            ("not json", "is not JSON that can be read"),
            ("""{"other":1}""", "neither Open Inference Protocol v2"),
            ("""{"inputs":[{"name":"x","shape":[2],"datatype":"FP32","parameters":{"binary_data_size":8}}]}1234""", "the body ends after 4"),
        })
        {
            var (status, body) = await KServeAsync(server, "bad", false, Encoding.UTF8.GetBytes(payload));
            Assert.Equal(HttpStatusCode.BadRequest, status);
            Assert.Contains(message, body.GetProperty("error").GetString(), StringComparison.Ordinal);
        }

        Assert.Equal(HttpStatusCode.BadRequest, (await server.PostAsync("/events", Request, ("ce-specversion", "1.0"), ("ce-type", "org.kubeflow.serving.inference.request"), ("ce-source", "x"))).Status);
        Assert.Equal(0, server.App.Services.GetRequiredService<EventJoiner>().Waiting);
    }

    private static Task<(HttpStatusCode Status, System.Text.Json.JsonElement Body)> KServeAsync(TestServer server, string id, bool isResponse, byte[] body, string component = "predictor") =>
        server.PostAsync(
            "/events",
            body,
            "application/json",
            ("ce-specversion", "1.0"),
            ("ce-id", id),
            ("ce-type", "org.kubeflow.serving.inference." + (isResponse ? "response" : "request")),
            ("ce-source", "digits-predictor-00001"),
            ("ce-time", isResponse ? "2026-01-01T00:00:00.005Z" : "2026-01-01T00:00:00Z"),
            ("ce-inferenceservicename", "digits"),
            ("ce-namespace", "default"),
            ("ce-component", component),
            ("ce-endpoint", "default"),
            ("ce-metadata", isResponse ? "{}" : """{"X-User":["bob"]}"""));
}
