using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Monitoring.Contracts;
using Monitoring.Hosting;
using Monitoring.TestKit;

namespace Monitoring.Inference.Tests;

/// <summary>A changed monitoring.yaml takes effect without a lost request; a bad one changes nothing and says why.</summary>
public sealed class ReloadTests : IDisposable
{
    private const string Body = """{"inputs":[{"name":"features","shape":[1,5],"datatype":"FP32","data":[9,1,300,2,3]}]}""";
    private readonly TemporaryDirectory _folder = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private string Model => _folder.File("flights.onnx");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_new_file_with_its_pin_takes_over_under_load_and_no_call_is_lost()
    {
        File.Copy(TestServer.Demo("flights.onnx"), Model);
        await using var server = await StartAsync(Flights("1", Pin()));
        using var stop = new CancellationTokenSource();
        var statuses = new ConcurrentQueue<(HttpStatusCode Status, string Version)>();
        var callers = Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                var (status, body) = await server.PostAsync("/v2/models/flights/infer", Body);
                statuses.Enqueue((status, status == HttpStatusCode.OK ? body.GetProperty("model_version").GetString()! : body.ToString()));
            }
        })).ToList();
        await Eventually.TrueAsync(() => statuses.Count > 50, "calls are answered");

        // Another file in the same place: same graph, other bytes, other hash. The watch finds the change by itself.
        var retrained = (byte[])[.. await File.ReadAllBytesAsync(Model, Token), 0x32, 0x01, (byte)'2'];
        await File.WriteAllBytesAsync(Model, retrained, Token);
        await WriteAsync(Flights("2", Pin()));
        await Eventually.TrueAsync(() => statuses.Any(s => s.Version == "2"), "the new version answers");
        var count = statuses.Count;
        await Eventually.TrueAsync(() => statuses.Count > count + 50, "calls go on");
        await stop.CancelAsync();
        await Task.WhenAll(callers);
        Assert.All(statuses, s => Assert.Equal(HttpStatusCode.OK, s.Status));
        Assert.Equal(["1", "2"], statuses.Select(s => s.Version).Distinct().Order());

        // Numbers go on without a gap over the switch, and the switch is on the log.
        var events = await server.EventsAsync(statuses.Count);
        Assert.Equal(Enumerable.Range(1, statuses.Count).Select(i => (ulong)i), events.Select(e => e.Source.Sequence));
        var range = await server.Log.GetOffsetsAsync(Topics.Changes, 0, Token);
        await foreach (var entry in server.Log.ReadAsync(Topics.Changes, 0, range.Start, range.End, Token))
        {
            var change = Change.Parser.ParseFrom(entry.Value!.Value.Span);
            Assert.Equal("configuration", change.Kind);
            Assert.Contains("models[flights].version, models[flights].onnx", change.Summary, StringComparison.Ordinal);
        }

        Assert.Equal(1, range.End);
    }

    [Fact]
    public async Task A_bad_reload_keeps_everything_and_says_why()
    {
        File.Copy(TestServer.Demo("flights.onnx"), Model);
        await using var server = await StartAsync(Flights("1", Pin()));
        var wrong = new string('0', 64);
        await WriteAsync(Flights("2", wrong) + "\n  - name: digits\n    onnx: { path: \"{demo}/digits.onnx\" }");
        Assert.Contains(wrong, await RefusedAsync(server), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.NotFound, (await server.PostAsync("/v2/models/digits/infer", Body)).Status);

        await WriteAsync("models:\n  - name: flights\n    onxx: { path: x }");
        Assert.Contains("monitoring.yaml:5: models[0].onxx: unknown key; allowed: ", await RefusedAsync(server), StringComparison.Ordinal);

        await WriteAsync("models: [");
        Assert.Contains("is not YAML", await RefusedAsync(server), StringComparison.Ordinal);

        File.Delete(_folder.File("monitoring.yaml"));
        Assert.Contains("does not exist", await RefusedAsync(server), StringComparison.Ordinal);
        var (status, body) = await server.PostAsync("/v2/models/flights/infer", Body);
        Assert.Equal((HttpStatusCode.OK, "1"), (status, body.GetProperty("model_version").GetString()));
        var metrics = await server.Client.GetStringAsync("/metrics", Token);
        Assert.Contains("monitoring_hosting_configuration_good 0", metrics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Models_come_and_go_identities_and_limits_change_and_what_needs_a_restart_is_named()
    {
        File.Copy(TestServer.Demo("flights.onnx"), Model);
        await using var server = await StartAsync(Flights("1", Pin()));
        await server.PostAsync("/v2/models/flights/infer", Body, ("X-User", "alice"));
        await WriteAsync("log: { partitions: 7 }\nlimits: [ { perDay: 1 } ]\n" + Flights("1", Pin()) + "\n    client: [\"header:X-User\"]\n    tolerance: 0.2\n  - name: digits\n    onnx: { path: \"{demo}/digits.onnx\" }");
        var (status, result) = await server.SendAsync(HttpMethod.Post, "/api/reload");
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal(["limits", "models[flights].client", "models[flights].tolerance", "models[digits]", "models[digits].monitors"], Texts(result, "applied"));
        Assert.Equal(["log.partitions"], Texts(result, "atNextStart"));
        Assert.Equal(HttpStatusCode.OK, (await server.SendAsync(HttpMethod.Get, "/v2/models/digits")).Status);
        Assert.Equal(HttpStatusCode.OK, (await server.PostAsync("/v2/models/flights/infer", Body, ("X-User", "alice"))).Status);
        Assert.Equal(HttpStatusCode.TooManyRequests, (await server.PostAsync("/v2/models/flights/infer", Body, ("X-User", "alice"))).Status);
        var events = await server.EventsAsync(2);
        Assert.Equal(["", "header:X-User"], events.Select(e => e.Client.Source));

        await WriteAsync(Flights("1", Pin()));
        Assert.Equal(HttpStatusCode.OK, (await server.SendAsync(HttpMethod.Post, "/api/reload")).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await server.SendAsync(HttpMethod.Get, "/v2/models/digits")).Status);
    }

    [Fact]
    public async Task A_key_taken_out_of_the_file_ends_at_once()
    {
        const string Keys = "  keys: [ { name: admin, sha256: ADMIN, roles: [admin] }, { name: caller, sha256: CALLER, roles: [publish] } ]\n";
        File.Copy(TestServer.Demo("flights.onnx"), Model);
        var keys = Keys.Replace("ADMIN", Hash("admin-key"), StringComparison.Ordinal).Replace("CALLER", Hash("caller-key"), StringComparison.Ordinal);
        await using var server = await StartAsync(keys + Flights("1", Pin()));
        Assert.Equal(HttpStatusCode.OK, (await server.PostAsync("/v2/models/flights/infer", Body, ("X-Api-Key", "caller-key"))).Status);
        Assert.Equal(HttpStatusCode.Forbidden, (await server.SendAsync(HttpMethod.Post, "/api/reload", null, ("X-Api-Key", "caller-key"))).Status);
        await WriteAsync(keys.Replace(", { name: caller", " ] #", StringComparison.Ordinal) + Flights("1", Pin()));
        var (status, result) = await server.SendAsync(HttpMethod.Post, "/api/reload", null, ("X-Api-Key", "admin-key"));
        Assert.Equal((HttpStatusCode.OK, "api.keys"), (status, Texts(result, "applied").Single()));
        Assert.Equal(HttpStatusCode.Unauthorized, (await server.PostAsync("/v2/models/flights/infer", Body, ("X-Api-Key", "caller-key"))).Status);
        Assert.Equal(HttpStatusCode.OK, (await server.PostAsync("/v2/models/flights/infer", Body, ("X-Api-Key", "admin-key"))).Status);
    }

    private static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    private static List<string> Texts(JsonElement result, string name) => [.. result.GetProperty(name).EnumerateArray().Select(e => e.GetString()!)];

    private static async Task<string> RefusedAsync(TestServer server)
    {
        var (status, result) = await server.SendAsync(HttpMethod.Post, "/api/reload");
        Assert.Equal(HttpStatusCode.BadRequest, status);
        return string.Join('\n', Texts(result, "errors"));
    }

    private string Pin() => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(Model)));

    private string Flights(string version, string pin) => $"models:\n  - name: flights\n    version: \"{version}\"\n    onnx: {{ path: \"{Model}\", sha256: {pin} }}";

    private async Task<TestServer> StartAsync(string yaml)
    {
        await WriteAsync(yaml);
        return await TestServer.StartAsync(yaml, _folder.Path);
    }

    private async Task WriteAsync(string yaml)
    {
        // In one step, as editors and deployments do.
        var temporary = _folder.File("monitoring.yaml.new");
        await File.WriteAllTextAsync(temporary, TestServer.Text(yaml), Token);
        File.Move(temporary, _folder.File("monitoring.yaml"), overwrite: true);
    }
}
