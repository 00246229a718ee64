using System.IO.Compression;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Monitoring.Contracts;

namespace Monitoring.Inference.Tests;

/// <summary>The Open Inference Protocol over real sockets.</summary>
public sealed class ProtocolTests
{
    private const string Flights = """
        models:
          - name: flights
            version: "7"
            onnx: { path: "{demo}/flights.onnx" }
            schema: "{demo}/flights.schema.json"
        """;

    private const string Digits = """
        capture: { maxRequestBytes: 1MiB }
        models:
          - name: digits
            onnx: { path: "{demo}/digits.onnx" }
            exports: [embedding, features]
        """;

    private const string FlightsBody = """{"id":"call-1","inputs":[{"name":"features","shape":[2,5],"datatype":"FP32","data":[9,1,300,2,3,17,4,1200,5,8]}]}""";

    [Fact]
    public async Task Health_and_metadata_have_the_protocols_forms()
    {
        await using var server = await TestServer.StartAsync(Flights);
        var (status, live) = await server.SendAsync(HttpMethod.Get, "/v2/health/live");
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.True(live.GetProperty("live").GetBoolean());
        Assert.True((await server.SendAsync(HttpMethod.Get, "/v2/health/ready")).Body.GetProperty("ready").GetBoolean());
        var (_, metadata) = await server.SendAsync(HttpMethod.Get, "/v2");
        Assert.Equal("monitoring", metadata.GetProperty("name").GetString());
        Assert.Contains("binary_tensor_data", metadata.GetProperty("extensions").EnumerateArray().Select(e => e.GetString()));
        foreach (var path in new[] { "/v2/models/flights", "/v2/models/flights/versions/7" })
        {
            var (_, model) = await server.SendAsync(HttpMethod.Get, path);
            Assert.Equal("flights", model.GetProperty("name").GetString());
            Assert.Equal("onnx_onnxv1", model.GetProperty("platform").GetString());
            Assert.Equal("7", model.GetProperty("versions")[0].GetString());
            Assert.Equal("""{"name":"features","datatype":"FP32","shape":[-1,5]}""", model.GetProperty("inputs")[0].GetRawText());
            var (ready, body) = await server.SendAsync(HttpMethod.Get, path + "/ready");
            Assert.Equal(HttpStatusCode.OK, ready);
            Assert.Equal("""{"name":"flights","ready":true}""", body.GetRawText());
        }
    }

    [Fact]
    public async Task Infer_answers_flat_nested_and_reordered_json_alike_and_echoes_the_id()
    {
        await using var server = await TestServer.StartAsync(Flights);
        var (status, flat) = await server.PostAsync("/v2/models/flights/infer", FlightsBody);
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal("call-1", flat.GetProperty("id").GetString());
        Assert.Equal("flights", flat.GetProperty("model_name").GetString());
        Assert.Equal("7", flat.GetProperty("model_version").GetString());
        var output = flat.GetProperty("outputs")[0];
        Assert.Equal("[2,2]", output.GetProperty("shape").GetRawText());
        Assert.Equal(4, output.GetProperty("data").GetArrayLength());
        foreach (var other in new[]
        {
            """{"inputs":[{"name":"features","shape":[2,5],"datatype":"FP32","data":[[9,1,300,2,3],[17,4,1200,5,8]]}]}""",
            """{"outputs":[{"name":"probabilities"}],"inputs":[{"data":[9,1,300,2,3,17,4,1200,5,8],"shape":[2,5],"parameters":{"x":1},"datatype":"FP32","name":"features"}],"parameters":{"a":"b","n":3}}""",
        })
        {
            var (_, body) = await server.PostAsync("/v2/models/flights/versions/7/infer", other);
            Assert.Equal(output.GetProperty("data").GetRawText(), body.GetProperty("outputs")[0].GetProperty("data").GetRawText());
            Assert.False(body.TryGetProperty("id", out _));
        }
    }

    [Fact]
    public async Task Infer_takes_and_gives_binary_tensors()
    {
        await using var server = await TestServer.StartAsync(Flights);
        var (_, json) = await server.PostAsync("/v2/models/flights/infer", FlightsBody);
        var expected = json.GetProperty("outputs")[0].GetProperty("data").EnumerateArray().Select(v => v.GetSingle()).ToArray();
        var tensor = MemoryMarshal.AsBytes<float>(new float[] { 9, 1, 300, 2, 3, 17, 4, 1200, 5, 8 }).ToArray();
        var header = Encoding.UTF8.GetBytes("""{"inputs":[{"name":"features","shape":[2,5],"datatype":"FP32","parameters":{"binary_data_size":40}}],"outputs":[{"name":"probabilities","parameters":{"binary_data":true}}]}""");
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v2/models/flights/infer") { Content = new ByteArrayContent([.. header, .. tensor]) };
        request.Headers.Add("Inference-Header-Content-Length", header.Length.ToString(System.Globalization.CultureInfo.InvariantCulture));
        using var response = await server.Client.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("application/octet-stream", response.Content.Headers.ContentType!.MediaType);
        Assert.Equal(expected, Floats(await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken), int.Parse(response.Headers.GetValues("Inference-Header-Content-Length").Single(), System.Globalization.CultureInfo.InvariantCulture)));

        // Raw: no JSON at all, the number of rows from the length.
        using var raw = new HttpRequestMessage(HttpMethod.Post, "/v2/models/flights/infer") { Content = new ByteArrayContent(tensor) };
        raw.Headers.Add("Inference-Header-Content-Length", "0");
        using var rawResponse = await server.Client.SendAsync(raw, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, rawResponse.StatusCode);
        Assert.Equal(expected, Floats(await rawResponse.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken), int.Parse(rawResponse.Headers.GetValues("Inference-Header-Content-Length").Single(), System.Globalization.CultureInfo.InvariantCulture)));

        static float[] Floats(byte[] body, int header)
        {
            using var document = JsonDocument.Parse(body.AsMemory(0, header));
            Assert.Equal(16, document.RootElement.GetProperty("outputs")[0].GetProperty("parameters").GetProperty("binary_data_size").GetInt32());
            return MemoryMarshal.Cast<byte, float>(body.AsSpan(header)).ToArray();
        }
    }

    [Fact]
    public async Task Exports_reach_the_event_but_not_the_caller_unless_asked()
    {
        await using var server = await TestServer.StartAsync(Digits);
        var body = $$"""{"inputs":[{"name":"image","shape":[1,1,28,28],"datatype":"FP32","data":[{{string.Join(',', Enumerable.Repeat("0.5", 784))}}]}]}""";
        var (_, answer) = await server.PostAsync("/v2/models/digits/infer", body, ("X-Request-Id", "r-9"), ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
        Assert.Equal(["probabilities"], answer.GetProperty("outputs").EnumerateArray().Select(o => o.GetProperty("name").GetString()));
        Assert.Equal(["model_name", "model_version", "outputs"], answer.EnumerateObject().Select(p => p.Name));
        var asked = body[..^1] + ""","outputs":[{"name":"embedding"}]}""";
        (_, answer) = await server.PostAsync("/v2/models/digits/infer", asked);
        Assert.Equal(["embedding"], answer.GetProperty("outputs").EnumerateArray().Select(o => o.GetProperty("name").GetString()));
        var (_, metadata) = await server.SendAsync(HttpMethod.Get, "/v2/models/digits");
        Assert.Equal(["probabilities"], metadata.GetProperty("outputs").EnumerateArray().Select(o => o.GetProperty("name").GetString()));

        var events = await server.EventsAsync(2);
        Assert.Equal(["probabilities", "embedding", "features"], events[0].Outputs.Select(o => o.Name));
        Assert.Equal(["embedding", "features"], events[1].Outputs.Select(o => o.Name));
        Assert.Equal([1L, 1, 28, 28], events[0].Inputs[0].Shape);
        Assert.Equal(784 * 4, events[0].Inputs[0].Data.Length);
        Assert.Equal(200, events[0].Status);
        Assert.Equal("r-9", events[0].RequestId);
        Assert.Equal("1", events[0].ModelVersion);
        Assert.True(events[0].LatencyNano > 0);
        Assert.Equal([1UL, 2UL], events.Select(e => e.Source.Sequence));
        var entry = (await server.EventsAsync()).Single(e => e.Event.Id == events[0].Id).Entry;
        var headers = entry.Headers.ToDictionary(h => h.Name, h => Encoding.UTF8.GetString(h.Value.Span));
        Assert.Equal("digits", Encoding.UTF8.GetString(entry.Key.Span));
        Assert.Equal("1.0", headers[Headers.SpecVersion]);
        Assert.Equal(events[0].Id, headers[Headers.Id]);
        Assert.Equal(EventTypes.Inference, headers[Headers.Type]);
        Assert.Equal("digits", headers[Headers.Subject]);
        Assert.Equal(events[0].Source.Instance, headers[Headers.Source]);
        Assert.Equal("application/protobuf", headers[Headers.ContentType]);
        Assert.StartsWith("00-4bf92f3577b34da6a3ce929d0e0e4736", headers[Headers.TraceParent], StringComparison.Ordinal);
        Assert.Equal(events[0].TimeUnixNano, EventCapture.UnixNano(DateTimeOffset.Parse(headers[Headers.Time], System.Globalization.CultureInfo.InvariantCulture)) / 100 * 100);
    }

    public static TheoryData<string, int, string> BadRequests => new()
    {
        { "{", 400, "malformed JSON" },
        { "[]", 400, "must be a JSON object" },
        { "", 400, "malformed JSON" },
        { "{}", 400, "'inputs' is missing" },
        { """{"inputs":[]}""", 400, "misses input 'features'" },
        { """{"inputs":[1]}""", 400, "array of tensors" },
        { """{"inputs":[],"inputs":[]}""", 400, "'inputs' is there twice" },
        { """{"inputs":[{"name":"features","shape":[1,5],"datatype":"FP32","data":[1,2,3,4,5]}]} x""", 400, "malformed JSON" },
        { """{"inputs":[{"name":"features","shape":[1,5],"datatype":"FP32"}]}""", 400, "neither 'data' nor" },
        { """{"inputs":[{"shape":[1,5],"datatype":"FP32","data":[]}]}""", 400, "lacks 'name'" },
        { """{"inputs":[{"name":"features","shape":[1,5],"datatype":"FP99","data":[1,2,3,4,5]}]}""", 400, "unknown datatype 'FP99'" },
        { """{"inputs":[{"name":"features","shape":[1,5],"datatype":"INT32","data":[1,2,3,4,5]}]}""", 400, "expects FP32" },
        { """{"inputs":[{"name":"other","shape":[1,5],"datatype":"FP32","data":[1,2,3,4,5]}]}""", 400, "has no input 'other'" },
        { """{"inputs":[{"name":"features","shape":[1,4],"datatype":"FP32","data":[1,2,3,4]}]}""", 400, "expects shape [-1,5]" },
        { """{"inputs":[{"name":"features","shape":[1,5],"datatype":"FP32","data":[1,2,3,4]}]}""", 400, "does not hold the 5 elements" },
        { """{"inputs":[{"name":"features","shape":[1,5],"datatype":"FP32","data":[1,2,3,4,5,6]}]}""", 400, "does not hold the 5 elements" },
        { """{"inputs":[{"name":"features","shape":[2,5],"datatype":"FP32","data":[[1,2,3,4,5],[1,2,3,4]]}]}""", 400, "does not hold the 10 elements" },
        { """{"inputs":[{"name":"features","shape":[1,5],"datatype":"FP32","data":[[[1,2,3,4,5]]]}]}""", 400, "not nested as the shape" },
        { """{"inputs":[{"name":"features","shape":[-1,5],"datatype":"FP32","data":[1,2,3,4,5]}]}""", 400, "whole numbers" },
        { """{"inputs":[{"name":"features","shape":[1,1000000000000],"datatype":"FP32","data":[1]}]}""", 400, "more elements than its data" },
        { """{"inputs":[{"name":"features","shape":[9000000000,9000000000],"datatype":"FP32","data":[1]}]}""", 400, "impossibly large" },
        { """{"inputs":[{"name":"features","shape":[1,5],"datatype":"FP32","data":[1,2,3,4,"NaN"]}]}""", 400, "NaN and infinity can only be sent as a binary tensor" },
        { """{"inputs":[{"name":"features","shape":[1,5],"datatype":"FP32","data":[1,2,3,4,NaN]}]}""", 400, "malformed JSON" },
        { """{"inputs":[{"name":"features","shape":[1,5],"datatype":"FP32","data":[1,2,3,4,1e99]}]}""", 400, "1e99 does not fit FP32" },
        { """{"inputs":[{"name":"features","shape":[1,5],"datatype":"FP32","data":[1,2,3,4,null]}]}""", 400, "null is not a number" },
        { """{"inputs":[{"name":"features","shape":[1,5],"datatype":"FP32","parameters":{"binary_data_size":20}}]}""", 400, "the body ends after 0" },
        { """{"outputs":[{"name":"nope"}],"inputs":[{"name":"features","shape":[1,5],"datatype":"FP32","data":[1,2,3,4,5]}]}""", 400, "has no output 'nope'" },
        { """{"id":7,"inputs":[]}""", 400, "'id' must be a string" },
        { $$"""{"inputs":[{"name":"features","shape":[1,5],"datatype":"FP32","data":{{new string('[', 1000)}}1{{new string(']', 1000)}}}]}""", 400, "" },
        { $$"""{"parameters":{"x":{{new string('[', 100000)}}{{new string(']', 100000)}}},"inputs":[]}""", 400, "maximum configured depth" },
    };

    [Theory]
    [MemberData(nameof(BadRequests))]
    public async Task Bad_requests_get_the_error_form_and_an_event(string body, int status, string message)
    {
        await using var server = await TestServer.StartAsync(Flights);
        var (actual, answer) = await server.PostAsync("/v2/models/flights/infer", body);
        Assert.Equal(status, (int)actual);
        Assert.Equal(["error"], answer.EnumerateObject().Select(p => p.Name));
        Assert.Contains(message, answer.GetProperty("error").GetString(), StringComparison.Ordinal);
        var captured = (await server.EventsAsync(1))[0];
        Assert.Equal(status, captured.Status);
        Assert.Equal(answer.GetProperty("error").GetString(), captured.Error);
        Assert.Empty(captured.Outputs);

        // The server goes on.
        Assert.Equal(HttpStatusCode.OK, (await server.PostAsync("/v2/models/flights/infer", FlightsBody)).Status);
    }

    [Theory]
    [InlineData("/v2/models/none/infer", "model 'none' is unknown")]
    [InlineData("/v2/models/flights/versions/8/infer", "has no version '8'; its versions are 7")]
    [InlineData("/v2/nowhere", "there is no POST /v2/nowhere")]
    public async Task Unknown_models_versions_and_paths_are_404_in_the_error_form(string path, string message)
    {
        await using var server = await TestServer.StartAsync(Flights);
        var (status, body) = await server.PostAsync(path, FlightsBody);
        Assert.Equal(HttpStatusCode.NotFound, status);
        Assert.Contains(message, body.GetProperty("error").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("99999", 400, "but the body has")]
    [InlineData("x", 400, "must be a whole number")]
    [InlineData("3", 400, "malformed JSON")]
    public async Task A_wrong_header_length_is_refused(string length, int expected, string message)
    {
        await using var server = await TestServer.StartAsync(Flights);
        var (status, body) = await server.PostAsync("/v2/models/flights/infer", Encoding.UTF8.GetBytes(FlightsBody), "application/json", ("Inference-Header-Content-Length", length));
        Assert.Equal(expected, (int)status);
        Assert.Contains(message, body.GetProperty("error").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(40, 39, "the body ends after 39")]
    [InlineData(40, 41, "1 bytes follow the tensors")]
    [InlineData(36, 36, "needs 40 bytes, got 36")]
    public async Task Truncated_and_overlong_binary_tensors_are_refused(int stated, int sent, string message)
    {
        await using var server = await TestServer.StartAsync(Flights);
        var header = Encoding.UTF8.GetBytes($$$"""{"inputs":[{"name":"features","shape":[2,5],"datatype":"FP32","parameters":{"binary_data_size":{{{stated}}}}}]}""");
        var (status, body) = await server.PostAsync("/v2/models/flights/infer", [.. header, .. new byte[sent]], "application/octet-stream", ("Inference-Header-Content-Length", header.Length.ToString(System.Globalization.CultureInfo.InvariantCulture)));
        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Contains(message, body.GetProperty("error").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_hundred_megabytes_are_refused_within_bounded_memory()
    {
        await using var server = await TestServer.StartAsync(Digits);
        await server.PostAsync("/v2/models/digits/infer", "{}");
        var before = GC.GetTotalAllocatedBytes();
        using var content = new StreamContent(new ZeroStream(100 << 20));
        content.Headers.ContentLength = 100 << 20;
        var (status, body) = await server.SendAsync(HttpMethod.Post, "/v2/models/digits/infer", content);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, status);
        Assert.Contains("larger than 1048576 bytes", body.GetProperty("error").GetString(), StringComparison.Ordinal);
        using var chunked = new StreamContent(new ZeroStream(100 << 20));
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v2/models/digits/infer") { Content = chunked };
        request.Headers.TransferEncodingChunked = true;
        using var response = await server.Client.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, response.StatusCode);
        Assert.True(GC.GetTotalAllocatedBytes() - before < 60 << 20, $"{(GC.GetTotalAllocatedBytes() - before) >> 20} MiB allocated for bodies of 100 MiB");
    }

    [Fact]
    public async Task Gzip_is_unpacked_and_a_gzip_bomb_refused()
    {
        await using var server = await TestServer.StartAsync(Flights.Replace("models:", "capture: { maxRequestBytes: 1MiB }\nmodels:", StringComparison.Ordinal));
        var (status, _) = await PostAsync(Encoding.UTF8.GetBytes(FlightsBody));
        Assert.Equal(HttpStatusCode.OK, status);
        var before = GC.GetTotalAllocatedBytes();
        (status, var body) = await PostAsync(new byte[50 << 20]);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, status);
        Assert.Contains("larger than", body.GetProperty("error").GetString(), StringComparison.Ordinal);
        (status, body) = await PostAsync([], broken: true);
        Assert.Equal(HttpStatusCode.BadRequest, status);
        (status, _) = await server.SendAsync(HttpMethod.Post, "/v2/models/flights/infer", Encoded([1], "br"));
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, status);

        async Task<(HttpStatusCode, JsonElement)> PostAsync(byte[] plain, bool broken = false)
        {
            using var packed = new MemoryStream();
            await using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
            {
                await gzip.WriteAsync(plain);
            }

            return await server.SendAsync(HttpMethod.Post, "/v2/models/flights/infer", Encoded(broken ? [1, 2, 3] : packed.ToArray(), "gzip"));
        }

        static ByteArrayContent Encoded(byte[] bytes, string encoding)
        {
            var content = new ByteArrayContent(bytes);
            content.Headers.ContentEncoding.Add(encoding);
            return content;
        }
    }

    [Fact]
    public async Task A_body_cut_off_by_the_caller_is_survived()
    {
        await using var server = await TestServer.StartAsync(Flights);
        using (var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp))
        {
            await socket.ConnectAsync(IPAddress.Loopback, server.Address.Port, TestContext.Current.CancellationToken);
            await socket.SendAsync(Encoding.ASCII.GetBytes("POST /v2/models/flights/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n{\"inputs\":"), TestContext.Current.CancellationToken);
        }

        var captured = (await server.EventsAsync(1))[0];
        Assert.NotEqual(200, captured.Status);
        Assert.Equal(HttpStatusCode.OK, (await server.PostAsync("/v2/models/flights/infer", FlightsBody)).Status);
    }

    [Fact]
    public async Task NaN_goes_in_as_binary_is_noted_and_never_comes_out_as_json()
    {
        await using var server = await TestServer.StartAsync(Flights);
        var tensor = MemoryMarshal.AsBytes<float>(new float[] { 9, 1, float.NaN, 2, 3 }).ToArray();
        var (status, body) = await PostAsync();
        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Contains("holds NaN or infinity, which JSON cannot carry", body.GetProperty("error").GetString(), StringComparison.Ordinal);
        var header = Encoding.UTF8.GetBytes("""{"parameters":{"binary_data_output":true},"inputs":[{"name":"features","shape":[1,5],"datatype":"FP32","parameters":{"binary_data_size":20}}]}""");
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v2/models/flights/infer") { Content = new ByteArrayContent([.. header, .. tensor]) };
        request.Headers.Add("Inference-Header-Content-Length", header.Length.ToString(System.Globalization.CultureInfo.InvariantCulture));
        using var response = await server.Client.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        var events = await server.EventsAsync(2);
        Assert.All(events, e => Assert.Contains(e.Violations, v => v.Kind == "nan" && v.Feature == "distance"));

        Task<(HttpStatusCode Status, JsonElement Body)> PostAsync()
        {
            var json = Encoding.UTF8.GetBytes("""{"inputs":[{"name":"features","shape":[1,5],"datatype":"FP32","parameters":{"binary_data_size":20}}]}""");
            return server.PostAsync("/v2/models/flights/infer", [.. json, .. tensor], "application/octet-stream", ("Inference-Header-Content-Length", json.Length.ToString(System.Globalization.CultureInfo.InvariantCulture)));
        }
    }

    [Fact]
    public async Task Departures_from_the_schema_are_noted_by_feature_and_the_call_is_served()
    {
        await using var server = await TestServer.StartAsync(Flights);
        var (status, _) = await server.PostAsync("/v2/models/flights/infer", """{"inputs":[{"name":"features","shape":[2,5],"datatype":"FP32","data":[9,1,300,2,3,29,1,300,100000,3]}]}""");
        Assert.Equal(HttpStatusCode.OK, status);
        var captured = (await server.EventsAsync(1))[0];
        Assert.Contains(captured.Violations, v => v.Kind is "range" or "category" && v.Feature == "hour" && v.Detail.Contains("1 of 2 rows, first 29", StringComparison.Ordinal));
        Assert.Contains(captured.Violations, v => v.Kind == "category" && v.Feature == "origin");
        Assert.Equal(2, captured.Violations.Count);
    }

    private sealed class ZeroStream(long length) : Stream
    {
        private long _position;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => length;

        public override long Position { get => _position; set => throw new NotSupportedException(); }

        public override int Read(byte[] buffer, int offset, int count)
        {
            var n = (int)Math.Min(count, length - _position);
            _position += n;
            return n;
        }

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
