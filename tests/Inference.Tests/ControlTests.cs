using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using Google.Protobuf;
using Microsoft.Extensions.DependencyInjection;
using Monitoring.Contracts;
using Monitoring.EventLog;
using Monitoring.Hosting;
using Monitoring.TestKit;
using YamlDotNet.RepresentationModel;
using Action = Monitoring.Contracts.Action;

namespace Monitoring.Inference.Tests;

/// <summary>Decisions about clients: signed, expiring, enforced on the serving path and told to gateways, invisible in dry-run.</summary>
public sealed class ControlTests
{
    private const string Enforced = "controls: { enforce: true }\n";

    private const string Digits = """
        models:
          - name: digits
            version: "2"
            client: ["header:X-User"]
            onnx: { path: "{demo}/digits.onnx" }
            versions:
              - { version: "1", onnx: { path: "{demo}/digits.onnx" } }
        """;

    private static readonly string s_body = $$"""{"id":"7","inputs":[{"name":"image","shape":[1,1,28,28],"datatype":"FP32","data":[{{string.Join(',', Enumerable.Range(0, 784).Select(i => (i % 7 / 7f).ToString("R", CultureInfo.InvariantCulture)))}}]}]}""";

    private static readonly YamlNode s_envoy = EnvoyFilter();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Deny_refuses_one_client_until_it_is_lifted_and_others_lose_nothing()
    {
        await using var server = await TestServer.StartAsync(Enforced + Digits);
        Assert.Equal(HttpStatusCode.OK, (await AskAsync(server, "thief")).Status);
        var control = Make(server, "thief", Action.Deny);
        await DecideAsync(server, control);
        var (status, body) = await AskAsync(server, "thief");
        Assert.Equal(HttpStatusCode.Forbidden, status);
        Assert.Equal("this client may not call this model", body.GetProperty("error").GetString());
        Assert.Equal(HttpStatusCode.OK, (await AskAsync(server, "alice")).Status);
        Assert.Equal(HttpStatusCode.OK, (await AskAsync(server, null)).Status);

        control.Revoked = true;
        control.TimeUnixNano++;
        await DecideAsync(server, control);
        Assert.Equal(HttpStatusCode.OK, (await AskAsync(server, "thief")).Status);

        // What was refused never reached the model: counted, no event, no gap in the numbers.
        var events = await server.EventsAsync(4);
        Assert.Equal([1UL, 2UL, 3UL, 4UL], events.Select(e => e.Source.Sequence));
        var metrics = await server.Client.GetStringAsync("/metrics", Token);
        Assert.Contains("monitoring_inference_requests_total{model=\"digits\",status=\"403\"} 1", metrics, StringComparison.Ordinal);
        Assert.Contains("monitoring_inference_controlled_total{action=\"deny\",mode=\"enforced\",model=\"digits\"} 1", metrics, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Action.Deny)]
    [InlineData(Action.Throttle)]
    [InlineData(Action.Coarsen)]
    [InlineData(Action.Route)]
    public async Task In_dry_run_an_answer_is_the_same_to_the_byte_and_only_the_event_tells(Action action)
    {
        await using var server = await TestServer.StartAsync(Digits);
        var before = await RawAsync(server, "thief");

        // Not marked dry-run by its author: the switch of this installation alone decides.
        var control = Make(server, "thief", action);
        control.Rate = 0.001;
        control.Target = "1";
        await DecideAsync(server, control);
        var first = await RawAsync(server, "thief");
        var second = await RawAsync(server, "thief");
        Assert.Equal(before, first);
        Assert.Equal(before, second);
        Assert.StartsWith("200\n", before, StringComparison.Ordinal);
        var marks = (await server.EventsAsync(3)).Select(e => e.Attributes.FirstOrDefault(a => a.Key == EventCapture.ControlAttribute)?.Value).ToList();
        Assert.Null(marks[0]);
        Assert.Equal($"dry-run:{ControlMetrics.NameOf(action)}:{control.Id}", marks[2]);
    }

    [Fact]
    public async Task Throttle_answers_429_with_the_seconds_to_wait()
    {
        await using var server = await TestServer.StartAsync(Enforced + Digits);
        var control = Make(server, "thief", Action.Throttle);
        control.Rate = 0.01;
        await DecideAsync(server, control);
        Assert.Equal(HttpStatusCode.OK, (await AskAsync(server, "thief")).Status);
        using var request = Request("thief");
        using var response = await server.Client.SendAsync(request, Token);
        Assert.Equal(HttpStatusCode.TooManyRequests, response.StatusCode);
        Assert.InRange(response.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 100);
        Assert.Equal("too many requests", JsonDocument.Parse(await response.Content.ReadAsStringAsync(Token)).RootElement.GetProperty("error").GetString());
        Assert.Equal(HttpStatusCode.OK, (await AskAsync(server, "alice")).Status);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public async Task Coarsen_rounds_what_the_caller_sees_and_not_what_the_event_holds(int decimals)
    {
        await using var server = await TestServer.StartAsync(Enforced + Digits);
        var whole = Probabilities((await AskAsync(server, "alice")).Body);
        var control = Make(server, "thief", Action.Coarsen);
        control.Decimals = decimals;
        await DecideAsync(server, control);
        var seen = Probabilities((await AskAsync(server, "thief")).Body);
        var expected = decimals == 0
            ? whole.Select(p => p == whole.Max() ? 1.0 : 0.0)
            : whole.Select(p => (double)(float)Math.Round((double)(float)p, decimals));
        Assert.Equal(expected, seen.Select(p => (double)(float)p));
        var events = await server.EventsAsync(2);
        var (clean, coarse) = (events.Single(e => e.Attributes.Count == 0), events.Single(e => e.Attributes.Count == 1));
        Assert.Equal($"coarsen:{control.Id}", coarse.Attributes[0].Value);
        Assert.Equal(Output(clean), Output(coarse));
    }

    [Fact]
    public async Task Route_answers_from_the_version_named_and_from_the_one_asked_for_where_that_is_missing()
    {
        await using var server = await TestServer.StartAsync(Enforced + Digits);
        var control = Make(server, "thief", Action.Route);
        control.Target = "1";
        await DecideAsync(server, control);
        Assert.Equal("1", (await AskAsync(server, "thief")).Body.GetProperty("model_version").GetString());
        Assert.Equal("2", (await AskAsync(server, "alice")).Body.GetProperty("model_version").GetString());
        control.Target = "9";
        control.TimeUnixNano++;
        await DecideAsync(server, control);
        Assert.Equal("2", (await AskAsync(server, "thief")).Body.GetProperty("model_version").GetString());
        Assert.Contains("monitoring_inference_unroutable_total{model=\"digits\"} 1", await server.Client.GetStringAsync("/metrics", Token), StringComparison.Ordinal);
        Assert.Equal(["1", "2", "2"], (await server.EventsAsync(3)).Select(e => e.ModelVersion));
    }

    [Fact]
    public async Task Route_of_everybody_answers_whoever_calls_and_nothing_else_can_be_done_to_everybody()
    {
        await using var server = await TestServer.StartAsync(Enforced + Digits);
        var control = Make(server, "", Action.Route);
        (control.Client, control.Target) = ("", "1");
        await DecideAsync(server, control);
        Assert.Equal("1", (await AskAsync(server, "alice")).Body.GetProperty("model_version").GetString());
        Assert.Equal("1", (await AskAsync(server, null)).Body.GetProperty("model_version").GetString());
        Assert.Equal("1", (await EnvoyAsync(server, "alice")).Route);

        // A client's own route goes before.
        var own = Make(server, "bob", Action.Route);
        own.Target = "2";
        await DecideAsync(server, own);
        Assert.Equal("2", (await AskAsync(server, "bob")).Body.GetProperty("model_version").GetString());

        var deny = Make(server, "", Action.Deny);
        deny.Client = "";
        await DecideAsync(server, deny);
        var elsewhere = Make(server, "", Action.Route);
        (elsewhere.Client, elsewhere.Model, elsewhere.Target) = ("", "", "2");
        await DecideAsync(server, elsewhere);
        Assert.Equal("1", (await AskAsync(server, null)).Body.GetProperty("model_version").GetString());

        control.Revoked = true;
        control.TimeUnixNano++;
        await DecideAsync(server, control);
        Assert.Equal("2", (await AskAsync(server, null)).Body.GetProperty("model_version").GetString());
    }

    [Fact]
    public async Task Route_to_a_fallback_that_is_an_address_asks_that_server()
    {
        await using var decoy = await TestServer.StartAsync(Digits.Replace("version: \"2\"", "version: decoy", StringComparison.Ordinal));
        await using var server = await TestServer.StartAsync(Enforced + Digits.Replace("client:", $"fallback: {decoy.Address}\n    client:", StringComparison.Ordinal));
        var control = Make(server, "thief", Action.Route);
        control.Target = ControlTargets.Fallback;
        control.Model = "";
        await DecideAsync(server, control);
        Assert.Equal("decoy", (await AskAsync(server, "thief")).Body.GetProperty("model_version").GetString());
        Assert.Single(await decoy.EventsAsync(1));
    }

    [Fact]
    public async Task What_is_unsigned_changed_signed_by_another_expired_or_no_control_is_ignored_and_counted()
    {
        await using var server = await TestServer.StartAsync(Enforced + Digits);
        await server.EventsAsync(0);
        var unsigned = Make(server, "thief", Action.Deny);
        var changed = new ControlSigner("a key of the tests, long enough").Sign(Make(server, "thief", Action.Deny));
        var own = server.App.Services.GetRequiredService<ControlSigner>();
        var aimed = own.Sign(Make(server, "somebody", Action.Deny));
        aimed.Client = Sealed(server, "thief");
        var renamed = own.Sign(Make(server, "thief", Action.Deny));
        await PutAsync(server, unsigned.Id, unsigned.ToByteArray());
        await PutAsync(server, changed.Id, changed.ToByteArray());
        await PutAsync(server, aimed.Id, aimed.ToByteArray());
        await PutAsync(server, "under another key", renamed.ToByteArray());
        await PutAsync(server, "garbage", [0x0a, 0xff, 0xff]);
        var expired = Make(server, "thief", Action.Deny);
        expired.ExpiresUnixNano = expired.TimeUnixNano - 1;
        await DecideAsync(server, expired);
        Assert.Equal((1, 4, 1), server.App.Services.GetRequiredService<ControlLedger>().Ignored);
        Assert.Equal(HttpStatusCode.OK, (await AskAsync(server, "thief")).Status);
        Assert.Contains("monitoring_inference_controls_ignored_total{reason=\"signature\"} 4", await server.Client.GetStringAsync("/metrics", Token), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_older_record_written_again_does_not_undo_a_newer_one()
    {
        await using var server = await TestServer.StartAsync(Enforced + Digits);
        var denied = Make(server, "thief", Action.Deny);
        await DecideAsync(server, denied);
        var recorded = denied.ToByteArray();
        denied.Revoked = true;
        denied.TimeUnixNano++;
        await DecideAsync(server, denied);
        await PutAsync(server, denied.Id, recorded);
        await DecideAsync(server, Make(server, "another", Action.Deny));
        Assert.Equal(HttpStatusCode.OK, (await AskAsync(server, "thief")).Status);
    }

    [Fact]
    public async Task After_a_restart_the_first_call_already_meets_the_decision()
    {
        using var folder = new TemporaryDirectory();
        await using (var server = await TestServer.StartAsync(Enforced + Digits, folder.Path))
        {
            await DecideAsync(server, Make(server, "thief", Action.Deny));
        }

        await using var again = await TestServer.StartAsync(Enforced + Digits, folder.Path);
        Assert.Equal(HttpStatusCode.Forbidden, (await AskAsync(again, "thief")).Status);
    }

    [Fact]
    public async Task Limits_count_each_client_for_itself_and_the_day_survives_a_restart()
    {
        const string Limits = """
            limits:
              - { clients: [partner], perDay: 1000 }
              - { models: [digits], perDay: 3 }

            """;
        using var folder = new TemporaryDirectory();
        await using (var server = await TestServer.StartAsync(Limits + Digits, folder.Path))
        {
            for (var i = 0; i < 3; i++)
            {
                Assert.Equal(HttpStatusCode.OK, (await AskAsync(server, "alice")).Status);
            }

            using var request = Request("alice");
            using var refused = await server.Client.SendAsync(request, Token);
            Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
            Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 86_400);
            for (var i = 0; i < 5; i++)
            {
                Assert.Equal(HttpStatusCode.OK, (await AskAsync(server, "partner")).Status);
                Assert.Equal(HttpStatusCode.OK, (await AskAsync(server, null)).Status);
            }

            Assert.Equal(HttpStatusCode.OK, (await AskAsync(server, "bob")).Status);
            Assert.Contains("monitoring_inference_limited_total{limit=\"per-day\",model=\"digits\"} 1", await server.Client.GetStringAsync("/metrics", Token), StringComparison.Ordinal);
        }

        await using var again = await TestServer.StartAsync(Limits + Digits, folder.Path);
        Assert.Equal(HttpStatusCode.TooManyRequests, (await AskAsync(again, "alice")).Status);
        Assert.Equal(HttpStatusCode.OK, (await AskAsync(again, "bob")).Status);
    }

    [Fact]
    public async Task A_limit_per_second_lets_a_burst_pass_and_no_more()
    {
        await using var server = await TestServer.StartAsync("limits: [ { perSecond: 0.001, burst: 2 } ]\n" + Digits);
        Assert.Equal(
            [HttpStatusCode.OK, HttpStatusCode.OK, HttpStatusCode.TooManyRequests],
            [(await AskAsync(server, "alice")).Status, (await AskAsync(server, "alice")).Status, (await AskAsync(server, "alice")).Status]);
        Assert.Equal(HttpStatusCode.OK, (await AskAsync(server, "bob")).Status);
    }

    [Fact]
    public async Task Gateways_hear_the_decision_in_their_own_form()
    {
        await using var server = await TestServer.StartAsync(Enforced + Digits);
        Assert.Equal((HttpStatusCode.NoContent, null, null), await NginxAsync(server, "thief"));
        Assert.Equal(HttpStatusCode.OK, (await EnvoyAsync(server, "thief")).Status);
        await DecideAsync(server, Make(server, "thief", Action.Deny));
        Assert.Equal((HttpStatusCode.Forbidden, "403", null), await NginxAsync(server, "thief"));
        Assert.Equal((HttpStatusCode.NoContent, null, null), await NginxAsync(server, "alice"));
        var (status, error, _, _) = await EnvoyAsync(server, "thief");
        Assert.Equal((HttpStatusCode.Forbidden, "{\"error\":\"this client may not call this model\"}"), (status, error));

        // Paths that call no model are nobody's business here; roundabout paths are the path they mean.
        Assert.Equal(HttpStatusCode.OK, (await EnvoyAsync(server, "thief", "/v2/health/ready")).Status);
        Assert.Equal(HttpStatusCode.Forbidden, (await EnvoyAsync(server, "thief", "/v2//models/x/../%64igits/infer?a=/v2/health")).Status);

        var throttle = Make(server, "hasty", Action.Throttle);
        throttle.Rate = 0.01;
        await DecideAsync(server, throttle);
        Assert.Equal(HttpStatusCode.NoContent, (await NginxAsync(server, "hasty")).Status);
        Assert.Equal((HttpStatusCode.Forbidden, "429"), ((await NginxAsync(server, "hasty")) is var (s, code, _) ? (s, code) : default));
        Assert.NotNull((await NginxAsync(server, "hasty")).Retry);
        var hasty = await EnvoyAsync(server, "hasty");
        Assert.Equal(HttpStatusCode.TooManyRequests, hasty.Status);
        Assert.NotNull(hasty.Retry);

        // The gateway's question takes nothing from what the server behind it lets pass.
        Assert.Equal(HttpStatusCode.OK, (await AskAsync(server, "hasty")).Status);
        var route = Make(server, "suspect", Action.Route);
        route.Target = "1";
        await DecideAsync(server, route);
        Assert.Equal("1", (await EnvoyAsync(server, "suspect")).Route);
        Assert.Contains("monitoring_inference_gateway_answers_total{answer=\"deny\"}", await server.Client.GetStringAsync("/metrics", Token), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("true", HttpStatusCode.NoContent)]
    [InlineData("false", HttpStatusCode.ServiceUnavailable)]
    public async Task Gateways_are_let_pass_while_nothing_is_known_unless_configured_otherwise(string failOpen, HttpStatusCode expected)
    {
        await using var server = await TestServer.StartAsync($"controls: {{ enforce: true, failOpen: {failOpen} }}\n{Digits}");
        using var request = new HttpRequestMessage(HttpMethod.Get, "/gateway/nginx?model=unknown");
        using var response = await server.Client.SendAsync(request, Token);
        Assert.Equal(expected, response.StatusCode);
    }

    [Fact]
    public async Task Nobody_but_the_gateways_may_ask()
    {
        await using var server = await TestServer.StartAsync("controls: { enforce: true, gateways: [10.9.9.9] }\n" + Digits);
        Assert.Equal(HttpStatusCode.NotFound, (await NginxAsync(server, "thief")).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await EnvoyAsync(server, "thief")).Status);
    }

    [Theory]
    [InlineData("/v2/models/digits/infer", "digits")]
    [InlineData("/v2/models/digits/versions/2/infer?x=1", "digits")]
    [InlineData("/v1/models/digits:predict", "digits")]
    [InlineData("/prefix/v2/./models//%64igits/infer", "digits")]
    [InlineData("/v2/models/digits", null)]
    [InlineData("/v2/models", null)]
    [InlineData("", null)]
    public void The_model_is_read_from_the_path(string path, string? model) => Assert.Equal(model, GatewayEndpoints.ModelOf(path));

    private static Control Make(TestServer server, string client, Action action)
    {
        var now = EventCapture.UnixNano(TimeProvider.System.GetUtcNow());
        return new Control
        {
            Id = $"ctl-{Guid.NewGuid():N}",
            TimeUnixNano = now,
            Model = "digits",
            Client = Sealed(server, client),
            Action = action,
            Rate = 1,
            ExpiresUnixNano = now + (3600L * 1_000_000_000),
            Author = "tests",
        };
    }

    private static string Sealed(TestServer server, string client) => server.App.Services.GetRequiredService<ClientSealer>().Seal("client", client);

    /// <summary>Appends a decision as Alerting does and waits until the server has seen it.</summary>
    private static async Task DecideAsync(TestServer server, Control control)
    {
        var ledger = server.App.Services.GetRequiredService<ControlLedger>();
        await ledger.AppendAsync(control, Token);
        await Eventually.TrueAsync(() => ledger.Current.ById.TryGetValue(control.Id, out var seen) && seen.TimeUnixNano == control.TimeUnixNano, "the decision is known");
    }

    private static async Task PutAsync(TestServer server, string key, byte[] value) =>
        await server.Log.AppendAsync(Topics.Controls, new LogRecord(Encoding.UTF8.GetBytes(key), value, []), Token);

    private static HttpRequestMessage Request(string? user)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/v2/models/digits/infer") { Content = new StringContent(s_body, Encoding.UTF8, "application/json") };
        if (user is not null)
        {
            request.Headers.Add("X-User", user);
        }

        return request;
    }

    private static Task<(HttpStatusCode Status, JsonElement Body)> AskAsync(TestServer server, string? user) =>
        server.PostAsync("/v2/models/digits/infer", s_body, user is null ? [] : [("X-User", user)]);

    /// <summary>Status, headers and body, but the date.</summary>
    private static async Task<string> RawAsync(TestServer server, string user)
    {
        using var request = Request(user);
        using var response = await server.Client.SendAsync(request, Token);
        var headers = response.Headers.Concat(response.Content.Headers).Where(h => h.Key != "Date").OrderBy(h => h.Key, StringComparer.Ordinal).Select(h => $"{h.Key}: {string.Join(',', h.Value)}");
        return $"{(int)response.StatusCode}\n{string.Join('\n', headers)}\n{await response.Content.ReadAsStringAsync(Token)}";
    }

    private static async Task<(HttpStatusCode Status, string? Code, string? Retry)> NginxAsync(TestServer server, string user)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/gateway/nginx?model=digits");
        request.Headers.Add("X-User", user);
        using var response = await server.Client.SendAsync(request, Token);
        return (response.StatusCode, response.Headers.TryGetValues(GatewayEndpoints.StatusHeader, out var code) ? code.Single() : null, response.Headers.RetryAfter?.ToString());
    }

    /// <summary>Asks as an Envoy with <c>infra/envoy/ext_authz.yaml</c> does: its prefix before the caller's path, of the caller's headers those it allows; of the answer's headers those it passes on.</summary>
    private static async Task<(HttpStatusCode Status, string Body, string? Route, string? Retry)> EnvoyAsync(TestServer server, string user, string path = "/v2/models/digits/infer")
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(server.Address.ToString().TrimEnd('/') + s_envoy["http_service"]["path_prefix"] + path, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true }));
        if (Allows(s_envoy["allowed_headers"], "X-User"))
        {
            request.Headers.Add("X-User", user);
        }

        using var response = await server.Client.SendAsync(request, Token);
        var answer = s_envoy["http_service"]["authorization_response"];
        return (
            response.StatusCode,
            await response.Content.ReadAsStringAsync(Token),
            Allows(answer["allowed_upstream_headers"], GatewayEndpoints.RouteHeader) && response.Headers.TryGetValues(GatewayEndpoints.RouteHeader, out var route) ? route.Single() : null,
            Allows(answer["allowed_client_headers"], "Retry-After") ? response.Headers.RetryAfter?.ToString() : null);
    }

    private static bool Allows(YamlNode list, string header) =>
        ((YamlSequenceNode)list["patterns"]).Any(p => ((YamlScalarNode)p["exact"]).Value == header.ToLowerInvariant());

    private static YamlNode EnvoyFilter()
    {
        var file = new YamlStream();
        file.Load(new StringReader(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "ext_authz.yaml"))));
        return file.Documents[0].RootNode["http_filters"][0]["typed_config"];
    }

    private static double[] Probabilities(JsonElement body) =>
        [.. body.GetProperty("outputs").EnumerateArray().Single(o => o.GetProperty("name").GetString() == "probabilities").GetProperty("data").EnumerateArray().Select(p => p.GetDouble())];

    private static byte[] Output(InferenceEvent value) => value.Outputs.Single(o => o.Name == "probabilities").Data.ToByteArray();
}
