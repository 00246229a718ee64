using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Monitoring.Scoring;
using Monitoring.TestKit;

namespace Monitoring.Inference.Tests;

/// <summary>Versions, pins, reload, and models on other servers.</summary>
public sealed class ServingTests
{
    private const string Body = """{"inputs":[{"name":"x","shape":[1,1],"datatype":"FP32","data":[10]}]}""";

    [Fact]
    public async Task Several_versions_are_served_and_named_in_events()
    {
        using var folder = new TemporaryDirectory();
        File.WriteAllBytes(folder.File("one.onnx"), AddModel(1));
        File.WriteAllBytes(folder.File("two.onnx"), AddModel(2));
        await using var server = await TestServer.StartAsync(
            """
            models:
              - name: add
                version: "1"
                onnx: { path: one.onnx }
                versions: [{ version: "2", onnx: { path: two.onnx } }]
            """,
            folder.Path);
        Assert.Equal(11, await ValueAsync(server, "/v2/models/add/infer"));
        Assert.Equal(11, await ValueAsync(server, "/v2/models/add/versions/1/infer"));
        Assert.Equal(12, await ValueAsync(server, "/v2/models/add/versions/2/infer"));
        Assert.Equal(["1", "1", "2"], (await server.EventsAsync(3)).Select(e => e.ModelVersion));
    }

    [Fact]
    public async Task A_model_with_the_wrong_hash_stops_the_start_with_a_clear_error()
    {
        using var folder = new TemporaryDirectory();
        File.WriteAllBytes(folder.File("one.onnx"), AddModel(1));
        var error = await Assert.ThrowsAsync<ScoringException>(() => TestServer.StartAsync(
            $"models: [{{ name: add, onnx: {{ path: one.onnx, sha256: \"{new string('a', 64)}\" }} }}]",
            folder.Path));
        Assert.Contains($"but {new string('a', 64)} is pinned", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Reload_switches_without_losing_a_request_and_a_bad_file_keeps_the_old_model()
    {
        using var folder = new TemporaryDirectory();
        File.WriteAllBytes(folder.File("m.onnx"), AddModel(1));
        await using var server = await TestServer.StartAsync("models: [{ name: add, onnx: { path: m.onnx } }]", folder.Path);
        using var stop = new CancellationTokenSource();
        var answers = new HashSet<float>();
        var load = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                answers.Add(await ValueAsync(server, "/v2/models/add/infer"));
            }
        });
        for (var i = 2; i <= 30; i++)
        {
            File.WriteAllBytes(folder.File("m.onnx"), AddModel(i));
            Assert.Equal(HttpStatusCode.OK, (await server.PostAsync("/v2/repository/models/add/load", "{}")).Status);
            Assert.Equal(10 + i, await ValueAsync(server, "/v2/models/add/infer"));
        }

        await stop.CancelAsync();
        await load;
        Assert.True(answers.Count > 1);
        Assert.Equal(1, server.App.Services.GetRequiredService<ScoringRuntime>().LoadedModels);

        File.WriteAllText(folder.File("m.onnx"), "broken");
        var (status, body) = await server.PostAsync("/v2/repository/models/add/load", "{}");
        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Contains("not an ONNX model", body.GetProperty("error").GetString(), StringComparison.Ordinal);
        Assert.Equal(40, await ValueAsync(server, "/v2/models/add/infer"));

        Assert.Equal(HttpStatusCode.OK, (await server.PostAsync("/v2/repository/models/add/unload", "{}")).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await server.PostAsync("/v2/models/add/infer", Body)).Status);
    }

    [Fact]
    public async Task Datatypes_of_all_kinds_go_through_json_and_binary()
    {
        using var folder = new TemporaryDirectory();
        var g = new OnnxGraphBuilder("echo");
        foreach (var type in Enum.GetValues<TensorType>().Where(t => t != TensorType.Undefined))
        {
            g.Output("out_" + type.ProtocolName(), g.Identity(g.Input(type.ProtocolName(), type, 3)), type, 3);
        }

        File.WriteAllBytes(folder.File("echo.onnx"), g.Build());
        await using var server = await TestServer.StartAsync("models: [{ name: echo, onnx: { path: echo.onnx } }]", folder.Path);
        var data = new Dictionary<string, string>
        {
            ["BOOL"] = "[true,false,true]",
            ["UINT8"] = "[0,1,255]",
            ["UINT16"] = "[0,1,65535]",
            ["UINT32"] = "[0,1,4294967295]",
            ["UINT64"] = "[0,1,18446744073709551615]",
            ["INT8"] = "[-128,0,127]",
            ["INT16"] = "[-32768,0,32767]",
            ["INT32"] = "[-2147483648,0,2147483647]",
            ["INT64"] = "[-9223372036854775808,0,9223372036854775807]",
            ["FP16"] = "[-1.5,0,65504]",
            ["FP32"] = "[-1.5,0,0.1]",
            ["FP64"] = "[-1.5,0,0.1]",
            ["BYTES"] = """["","text","\u00e9"]""",
        };
        var inputs = string.Join(',', data.Select(d => $$"""{"name":"{{d.Key}}","shape":[3],"datatype":"{{d.Key}}","data":{{d.Value}}}"""));
        var (status, body) = await server.PostAsync("/v2/models/echo/infer", $$"""{"inputs":[{{inputs}}]}""");
        Assert.True(status == HttpStatusCode.OK, body.ToString());
        foreach (var output in body.GetProperty("outputs").EnumerateArray())
        {
            var name = output.GetProperty("datatype").GetString()!;
            using var expected = JsonDocument.Parse(data[name]);
            Assert.Equal(expected.RootElement.EnumerateArray().Select(e => e.ToString()), output.GetProperty("data").EnumerateArray().Select(e => e.ToString()));
        }

        foreach (var (type, value) in new[] { ("UINT8", "256"), ("INT8", "-129"), ("UINT64", "-1"), ("INT32", "1.5"), ("FP16", "70000"), ("BOOL", "1"), ("BYTES", "1") })
        {
            var (bad, error) = await server.PostAsync("/v2/models/echo/infer", $$"""{"inputs":[{"name":"{{type}}","shape":[3],"datatype":"{{type}}","data":[{{value}},{{value}},{{value}}]}]}""");
            Assert.Equal(HttpStatusCode.BadRequest, bad);
            Assert.Contains($"input '{type}'", error.GetProperty("error").GetString(), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_upstream_model_is_forwarded_and_captured_with_its_exports(bool binary)
    {
        using var folder = new TemporaryDirectory();
        await using var upstream = await TestServer.StartAsync("""
            models:
              - name: real
                version: "9"
                onnx: { path: "{demo}/digits.onnx" }
            """);
        await using var server = await TestServer.StartAsync(
            $$"""
            models:
              - name: digits
                version: "1"
                upstream: { url: "{{upstream.Address}}", model: real, binary: {{(binary ? "true" : "false")}} }
                exports: [embedding, features]
            """,
            folder.Path);
        var image = $$"""{"id":"u1","inputs":[{"name":"image","shape":[1,1,28,28],"datatype":"FP32","data":[{{string.Join(',', Enumerable.Repeat("0.25", 784))}}]}]}""";
        var (status, body) = await server.PostAsync("/v2/models/digits/infer", image);
        Assert.True(status == HttpStatusCode.OK, body.ToString());
        Assert.Equal("u1", body.GetProperty("id").GetString());
        Assert.Equal(["probabilities"], body.GetProperty("outputs").EnumerateArray().Select(o => o.GetProperty("name").GetString()));
        var (_, direct) = await upstream.PostAsync("/v2/models/real/infer", image);
        Assert.Equal(direct.GetProperty("outputs")[0].GetProperty("data").GetRawText(), body.GetProperty("outputs")[0].GetProperty("data").GetRawText());
        var captured = (await server.EventsAsync(1))[0];
        Assert.Equal("9", captured.ModelVersion);
        Assert.Equal(["probabilities", "embedding", "features"], captured.Outputs.Select(o => o.Name));
        var (_, metadata) = await server.SendAsync(HttpMethod.Get, "/v2/models/digits");
        Assert.Equal("image", metadata.GetProperty("inputs")[0].GetProperty("name").GetString());
        Assert.Equal(HttpStatusCode.OK, (await server.SendAsync(HttpMethod.Get, "/v2/models/digits/ready")).Status);

        var (refused, error) = await server.PostAsync("/v2/models/digits/infer", """{"inputs":[{"name":"wrong","shape":[1],"datatype":"FP32","data":[1]}]}""");
        Assert.Equal(HttpStatusCode.BadRequest, refused);
        Assert.Contains("the upstream server of model 'digits' answered 400: model 'real' has no input 'wrong'", error.GetProperty("error").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_upstream_that_is_away_slow_or_speaks_nonsense_is_named()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Services.AddRouting();
        await using var nonsense = builder.Build();
        nonsense.Urls.Add("http://127.0.0.1:0");
        nonsense.MapPost("/v2/models/slow/infer", async (HttpContext c) => await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, c.RequestAborted));
        nonsense.MapPost("/v2/models/odd/infer", () => "hello");
        nonsense.MapPost("/v2/models/moved/infer", () => Results.Redirect("http://127.0.0.1:1/"));
        await nonsense.StartAsync(TestContext.Current.CancellationToken);
        using var unused = new TcpListener(IPAddress.Loopback, 0);
        unused.Start();
        var free = ((IPEndPoint)unused.LocalEndpoint).Port;
        unused.Stop();
        await using var server = await TestServer.StartAsync($$"""
            models:
              - { name: away, upstream: { url: "http://127.0.0.1:{{free}}" } }
              - { name: slow, upstream: { url: "{{nonsense.Urls.First()}}", timeout: 200ms } }
              - { name: odd, upstream: { url: "{{nonsense.Urls.First()}}" } }
              - { name: moved, upstream: { url: "{{nonsense.Urls.First()}}" } }
            """);
        foreach (var (model, status, message) in new[]
        {
            ("away", 502, "the upstream server of model 'away' cannot be reached"),
            ("slow", 504, "the upstream server of model 'slow' did not answer within 0.2 s"),
            ("odd", 502, "the upstream server of model 'odd' gave an answer that cannot be read"),
            ("moved", 502, "the upstream server of model 'moved' answered 302"),
        })
        {
            var (actual, body) = await server.PostAsync($"/v2/models/{model}/infer", Body);
            Assert.Equal(status, (int)actual);
            Assert.Contains(message, body.GetProperty("error").GetString(), StringComparison.Ordinal);
        }

        Assert.Equal(HttpStatusCode.BadRequest, (await server.SendAsync(HttpMethod.Get, "/v2/models/away/ready")).Status);
        Assert.Equal([502, 502, 502, 504], (await server.EventsAsync(4)).Select(e => e.Status).Order());
    }

    [Fact]
    public async Task Keys_are_demanded_and_limited_to_their_models()
    {
        var hash = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData("secret"u8));
        using var folder = new TemporaryDirectory();
        File.WriteAllBytes(folder.File("m.onnx"), AddModel(1));
        await using var server = await TestServer.StartAsync(
            $$"""
              keys: [{ name: team-a, sha256: "{{hash}}", models: [mine] }]
            models:
              - { name: mine, client: [api-key], onnx: { path: m.onnx } }
              - { name: other, onnx: { path: m.onnx } }
            """,
            folder.Path);
        Assert.Equal(HttpStatusCode.Unauthorized, (await server.PostAsync("/v2/models/mine/infer", Body)).Status);
        Assert.Equal(HttpStatusCode.OK, (await server.PostAsync("/v2/models/mine/infer", Body, ("X-Api-Key", "secret"))).Status);
        var (status, body) = await server.PostAsync("/v2/models/other/infer", Body, ("X-Api-Key", "secret"));
        Assert.Equal(HttpStatusCode.Forbidden, status);
        Assert.Contains("not for model 'other'", body.GetProperty("error").GetString(), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Forbidden, (await server.PostAsync("/v2/repository/models/mine/load", "{}", ("X-Api-Key", "secret"))).Status);
        var captured = (await server.EventsAsync(1))[0];
        Assert.Equal("api-key", captured.Client.Source);
        Assert.NotEqual("", captured.Client.KeyFamily);
    }

    private static byte[] AddModel(float value)
    {
        var g = new OnnxGraphBuilder("add");
        g.Output("y", g.Add(g.Input("x", TensorType.Float32, "n", 1), g.Constant<float>([value], 1)), TensorType.Float32, "n", 1);
        return g.Build();
    }

    private static async Task<float> ValueAsync(TestServer server, string path)
    {
        var (status, body) = await server.PostAsync(path, Body);
        Assert.True(status == HttpStatusCode.OK, body.ToString());
        return body.GetProperty("outputs")[0].GetProperty("data")[0].GetSingle();
    }
}
