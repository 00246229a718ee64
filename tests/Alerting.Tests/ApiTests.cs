using System.Net;
using System.Net.Http.Json;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Google.Protobuf;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Monitoring.Alerting.Tests.Receivers;
using Monitoring.Contracts;
using Monitoring.EventLog;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;
using Monitoring.Storage;
using Monitoring.TestKit;

namespace Monitoring.Alerting.Tests;

/// <summary>The HTTP API through the real host: keys, roles, models, bad input, audit.</summary>
public sealed class ApiTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>Whatever refuses a request, the framework too, says why in the form of the endpoints there.</summary>
    [Theory]
    [InlineData("GET", "/api/incidents?limit=abc", 400, "'limit' cannot be 'abc'")]
    [InlineData("GET", "/api/incidents?before=99999999999999999999", 400, "'before' cannot be '99999999999999999999'")]
    [InlineData("GET", "/api/nothing", 404, "there is no GET /api/nothing")]
    [InlineData("DELETE", "/api/incidents", 405, "/api/incidents does not take DELETE")]
    [InlineData("POST", "/api/incidents/x/note", 400, "malformed JSON")]
    [InlineData("GET", "/nothing", 404, "there is no GET /nothing")]
    public async Task Refusal_SaysWhy(string method, string path, int status, string why)
    {
        await using var harness = await AlertingHarness.StartAsync("");
        using var http = Client(harness, null);
        using var request = new HttpRequestMessage(new HttpMethod(method), new Uri(path, UriKind.Relative));
        if (method == "POST")
        {
            request.Content = new StringContent("{\"text\": ", Encoding.UTF8, "application/json");
        }

        using var response = await http.SendAsync(request, Token);
        Assert.Equal(status, (int)response.StatusCode);
        using var answer = JsonDocument.Parse(await response.Content.ReadAsStringAsync(Token));
        Assert.StartsWith(why, answer.RootElement.GetProperty(path.StartsWith("/api", StringComparison.Ordinal) ? "detail" : "error").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Incident_FoundListedActedUpon()
    {
        await using var harness = await AlertingHarness.StartAsync("");
        using var http = Client(harness, null);
        var change = new Change { Id = "c1", Model = "digits", Kind = "deployment", Summary = "digits 7", TimeUnixNano = UnixNano.Now(TimeProvider.System) };
        await harness.Log.AppendAsync(Topics.Changes, new LogRecord("digits"u8.ToArray(), change.ToByteArray(), []), Token);
        await harness.PublishAsync(Findings.Make(1, client: "mallory"), Findings.Make(2, model: "flights", family: Family.Drift, severity: Severity.Change));
        await harness.ConsumedAsync(2);

        var page = await GetAsync(http, "/api/incidents?severity=harm&state=active");
        var id = Assert.Single(page.GetProperty("incidents").EnumerateArray()).GetProperty("id").GetString()!;
        var detail = await GetAsync(http, $"/api/incidents/{id}");
        Assert.Equal("mallory", detail.GetProperty("incident").GetProperty("client").GetString());
        Assert.Single(detail.GetProperty("findings").EnumerateArray());
        Assert.Equal("digits 7", Assert.Single(detail.GetProperty("changes").EnumerateArray()).GetProperty("summary").GetString());

        Assert.Equal(HttpStatusCode.NoContent, (await http.PostAsync($"/api/incidents/{id}/acknowledge", null, Token)).StatusCode);
        Assert.Equal(HttpStatusCode.Conflict, (await http.PostAsync($"/api/incidents/{id}/acknowledge", null, Token)).StatusCode);
        Assert.Equal(HttpStatusCode.NoContent, (await http.PostAsJsonAsync($"/api/incidents/{id}/note", new { text = "called the owner" }, Token)).StatusCode);
        Assert.Equal(HttpStatusCode.NoContent, (await http.PostAsJsonAsync($"/api/incidents/{id}/assign", new { assignee = "anna" }, Token)).StatusCode);
        Assert.Equal(HttpStatusCode.NoContent, (await http.PostAsJsonAsync($"/api/incidents/{id}/hold", new { held = true }, Token)).StatusCode);
        Assert.Equal(HttpStatusCode.NoContent, (await http.PostAsJsonAsync($"/api/incidents/{id}/false-alarm", new { reason = "load test" }, Token)).StatusCode);
        detail = await GetAsync(http, $"/api/incidents/{id}");
        Assert.Equal("falseAlarm", detail.GetProperty("incident").GetProperty("state").GetString());
        Assert.True(detail.GetProperty("incident").GetProperty("held").GetBoolean());
        Assert.Equal("called the owner", Assert.Single(detail.GetProperty("notes").EnumerateArray()).GetProperty("text").GetString());
        Assert.Equal(5, (await GetAsync(http, $"/api/audit?target={id}")).EnumerateArray().Count(a => a.GetProperty("outcome").GetString() == "done"));

        // Its monitors arm again where this record lies among the events of the model.
        var told = new List<LogEntry>();
        for (var partition = 0; partition < await harness.Log.GetPartitionCountAsync(Topics.InferenceEvents, Token); partition++)
        {
            told.AddRange(await harness.Log.ReadAsync(Topics.InferenceEvents, partition, 0, long.MaxValue, Token).ToListAsync(Token));
        }

        var record = Assert.Single(told);
        Assert.Equal("digits", Encoding.UTF8.GetString(record.Key.Span));
        Assert.Equal(EventTypes.Rearm, Encoding.UTF8.GetString(record.Headers.Single(h => h.Name == Headers.Type).Value.Span));
        var attributes = InferenceEvent.Parser.ParseFrom(record.Value!.Value.Span).Attributes.ToDictionary(a => a.Key, a => a.Value, StringComparer.Ordinal);
        Assert.Equal(("mallory", id), (attributes["client"], attributes["incident"]));
    }

    [Fact]
    public async Task Closed_WhileTheLogIsAway_TheMonitorsAreToldWhenItIsBack()
    {
        await using var harness = await AlertingHarness.StartAsync("");
        await harness.PublishAsync(Findings.Make(1, client: "mallory"));
        await harness.ConsumedAsync(1);
        var id = (await harness.IncidentsAsync()).Single().Id;
        var services = harness.App.Services;
        var away = new RearmPublisher(harness.Database, DispatchProxy.Create<IEventLog, AwayLog>(), services.GetRequiredService<LoadedConfiguration>(), TimeProvider.System, NullLogger<RearmPublisher>.Instance);
        var actions = new IncidentActions(harness.Database, services.GetRequiredService<Outbox>(), services.GetRequiredService<IncidentMetrics>(), services.GetRequiredService<OutboxSignal>(), away, TimeProvider.System);
        Assert.Equal(ActOutcome.Done, await actions.ResolveAsync(id, new Actor("anna", []), "", Token));
        await Eventually.TrueAsync(async () => await harness.Database.ReadAsync((c, t) => c.PendingRearms.CountAsync(t), Token) == 0, "what waited is sent", TimeSpan.FromMinutes(1));
        var told = new List<LogEntry>();
        for (var partition = 0; partition < await harness.Log.GetPartitionCountAsync(Topics.InferenceEvents, Token); partition++)
        {
            told.AddRange(await harness.Log.ReadAsync(Topics.InferenceEvents, partition, 0, long.MaxValue, Token).ToListAsync(Token));
        }

        Assert.Equal(EventTypes.Rearm, Encoding.UTF8.GetString(Assert.Single(told).Headers.Single(h => h.Name == Headers.Type).Value.Span));
    }

    [Fact]
    public async Task Description_IsServedAndNamesWhatIsHere()
    {
        await using var harness = await AlertingHarness.StartAsync("");
        using var http = Client(harness, null);
        var document = await GetAsync(http, "/openapi.json");
        Assert.StartsWith("3.0", document.GetProperty("openapi").GetString(), StringComparison.Ordinal);
        var act = document.GetProperty("paths").GetProperty("/api/incidents/{id}/note").GetProperty("post");
        Assert.Contains("role respond", act.GetProperty("description").GetString(), StringComparison.Ordinal);
        Assert.True(act.GetProperty("requestBody").GetProperty("content").GetProperty("application/json").TryGetProperty("schema", out _));
        Assert.False(document.GetProperty("paths").TryGetProperty("/v2/models/{model}/infer", out _));
    }

    [Fact]
    public async Task Silence_MadeListedEnded()
    {
        await using var harness = await AlertingHarness.StartAsync("");
        using var http = Client(harness, null);
        var made = await http.PostAsJsonAsync("/api/silences", new { model = "digits", family = "drift", @for = "2h", reason = "migration" }, Token);
        Assert.Equal(HttpStatusCode.Created, made.StatusCode);
        Assert.Equal("drift", Assert.Single((await GetAsync(http, "/api/silences")).EnumerateArray()).GetProperty("family").GetString());
        Assert.Equal(HttpStatusCode.NoContent, (await http.DeleteAsync(made.Headers.Location, Token)).StatusCode);
        Assert.Empty((await GetAsync(http, "/api/silences")).EnumerateArray());
    }

    [Theory]
    [InlineData("GET", "/api/incidents?state=nonsense", null, 400)]
    [InlineData("GET", "/api/incidents?severity=2", null, 400)]
    [InlineData("GET", "/api/incidents?family=cats", null, 400)]
    [InlineData("GET", "/api/incidents?limit=abc", null, 400)]
    [InlineData("GET", "/api/incidents/inc-none", null, 404)]
    [InlineData("POST", "/api/incidents/inc-none/acknowledge", null, 404)]
    [InlineData("POST", "/api/incidents/inc-none/note", "{\"text\":\"  \"}", 400)]
    [InlineData("POST", "/api/incidents/inc-none/note", "{", 400)]
    [InlineData("POST", "/api/silences", "{\"for\":\"2\"}", 400)]
    [InlineData("POST", "/api/silences", "{\"for\":\"400d\"}", 400)]
    [InlineData("POST", "/api/silences", "{\"for\":\"2h\",\"family\":\"cats\"}", 400)]
    [InlineData("POST", "/api/receivers/none/test", null, 404)]
    public async Task BadInput_IsAnsweredClearly(string method, string path, string? body, int status)
    {
        await using var harness = await AlertingHarness.StartAsync("");
        using var http = Client(harness, null);
        using var request = new HttpRequestMessage(new HttpMethod(method), path) { Content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json") };
        Assert.Equal(status, (int)(await http.SendAsync(request, Token)).StatusCode);
    }

    [Fact]
    public async Task Body_TooLarge_IsRefused()
    {
        await using var harness = await AlertingHarness.StartAsync("");
        using var http = Client(harness, null);
        var answer = await http.PostAsJsonAsync("/api/incidents/inc-none/note", new { text = new string('x', 1_000_000) }, Token);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, answer.StatusCode);
    }

    [Fact]
    public async Task Keys_RolesAndModelsAreKept()
    {
        var keys = $$"""
            keys:
                - { name: viewer, sha256: "{{Hash("view-key")}}", roles: [ view ] }
                - { name: flights-team, sha256: "{{Hash("team-key")}}", roles: [ view, respond ], models: [ flights ] }
                - { name: root, sha256: "{{Hash("admin-key")}}", roles: [ admin ] }
            """;
        await using var harness = await AlertingHarness.StartAsync("", api: keys);
        var sealer = harness.App.Services.GetRequiredService<ClientSealer>();
        var (theirs, ours) = (sealer.Seal("client", "acme"), sealer.Seal("client", "zenith"));
        await harness.PublishAsync(Findings.Make(1, client: theirs), Findings.Make(2, model: "flights", client: ours));
        await harness.ConsumedAsync(2);
        var incidents = await harness.IncidentsAsync();
        var digits = incidents.Single(i => i.Model == "digits").Id;
        var flights = incidents.Single(i => i.Model == "flights").Id;

        using var nobody = Client(harness, null);
        using var wrong = Client(harness, "guess");
        using var viewer = Client(harness, "view-key");
        using var team = Client(harness, "team-key");
        using var root = Client(harness, "admin-key");
        Assert.Equal(HttpStatusCode.Unauthorized, (await nobody.GetAsync("/api/incidents", Token)).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await wrong.GetAsync("/api/incidents", Token)).StatusCode);
        Assert.Equal(2, (await GetAsync(viewer, "/api/incidents")).GetProperty("incidents").GetArrayLength());
        Assert.Equal(HttpStatusCode.Forbidden, (await viewer.PostAsync($"/api/incidents/{digits}/acknowledge", null, Token)).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await viewer.GetAsync("/api/audit", Token)).StatusCode);

        Assert.Equal(flights, Assert.Single((await GetAsync(team, "/api/incidents")).GetProperty("incidents").EnumerateArray()).GetProperty("id").GetString());
        Assert.Equal(HttpStatusCode.NotFound, (await team.GetAsync($"/api/incidents/{digits}", Token)).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await team.PostAsync($"/api/incidents/{digits}/acknowledge", null, Token)).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await team.PostAsJsonAsync("/api/silences", new { @for = "2h" }, Token)).StatusCode);
        Assert.Equal(HttpStatusCode.NoContent, (await team.PostAsync($"/api/incidents/{flights}/acknowledge", null, Token)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await team.PostAsJsonAsync($"/api/clients/{theirs}/reveal", new { reason = "curious" }, Token)).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await team.PostAsJsonAsync($"/api/clients/{ours}/reveal", new { reason = "theft" }, Token)).StatusCode);

        var audit = (await GetAsync(root, "/api/audit")).EnumerateArray().Select(a => $"{a.GetProperty("actor").GetString()} {a.GetProperty("action").GetString()} {a.GetProperty("outcome").GetString()}").ToList();
        Assert.Contains("flights-team incident.acknowledge refused", audit);
        Assert.Contains("flights-team incident.acknowledge done", audit);
        Assert.Contains("flights-team silence.create refused", audit);
    }

    [Fact]
    public async Task Reveal_NeedsAReasonAndIsAudited()
    {
        await using var harness = await AlertingHarness.StartAsync("");
        using var http = Client(harness, null);
        var id = harness.App.Services.GetRequiredService<ClientSealer>().Seal("client", "acme-batch-7");
        Assert.Equal(HttpStatusCode.BadRequest, (await http.PostAsJsonAsync($"/api/clients/{id}/reveal", new { reason = "" }, Token)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await http.PostAsJsonAsync("/api/clients/AAAA/reveal", new { reason = "guessing" }, Token)).StatusCode);
        var answer = await (await http.PostAsJsonAsync($"/api/clients/{id}/reveal", new { reason = "theft, incident 7" }, Token)).Content.ReadFromJsonAsync<JsonElement>(Token);
        Assert.Equal("acme-batch-7", answer.GetProperty("client").GetString());
        var audit = (await GetAsync(http, "/api/audit")).EnumerateArray().Select(a => $"{a.GetProperty("action").GetString()} {a.GetProperty("outcome").GetString()} {a.GetProperty("detail").GetString()}");
        Assert.Equal(["client.reveal done theft, incident 7", "client.reveal refused guessing"], audit);
    }

    [Fact]
    public async Task Precision_CountsWhatPeopleJudged()
    {
        await using var harness = await AlertingHarness.StartAsync("");
        using var http = Client(harness, null);
        await harness.PublishAsync([.. Enumerable.Range(0, 4).Select(i => Findings.Make(i, client: $"c{i}"))]);
        await harness.ConsumedAsync(4);
        var incidents = await harness.IncidentsAsync();
        for (var i = 0; i < 3; i++)
        {
            (await http.PostAsJsonAsync($"/api/incidents/{incidents[i].Id}/{(i == 0 ? "false-alarm" : "resolve")}", new { reason = "" }, Token)).EnsureSuccessStatusCode();
        }

        var precision = Assert.Single((await GetAsync(http, "/api/monitors/precision")).EnumerateArray());
        Assert.Equal((3, 1), (precision.GetProperty("judged").GetInt32(), precision.GetProperty("falseAlarms").GetInt32()));
        Assert.Equal(2.0 / 3, precision.GetProperty("precision").GetDouble(), 1e-9);
    }

    [Fact]
    public async Task PagerDuty_AcknowledgementsComeBackSigned()
    {
        await using var provider = await ProviderDouble.PagerDutyAsync();
        using var directory = new TemporaryDirectory();
        await File.WriteAllTextAsync(directory.File("key"), new string('k', 32), Token);
        await File.WriteAllTextAsync(directory.File("secret"), "pagerduty-webhook-secret", Token);
        await using var harness = await AlertingHarness.StartAsync($"""
            receivers:
            - name: pager
              allowPrivateAddresses: true
              pagerDuty: {"{"} routingKey: "file:{directory.File("key")}", url: "{provider.Url}", webhookSecret: "file:{directory.File("secret")}" {"}"}
            """);
        using var http = Client(harness, null);
        await harness.PublishAsync(Findings.Make(1));
        await harness.ConsumedAsync(1);
        var id = (await harness.IncidentsAsync()).Single().Id;
        var body = JsonSerializer.Serialize(new { @event = new { event_type = "incident.acknowledged", agent = new { summary = "Anna" }, data = new { incident_key = id } } });
        Assert.Equal(HttpStatusCode.Unauthorized, await ReplyAsync("v1=" + new string('0', 64)));
        Assert.Equal(HttpStatusCode.Unauthorized, await ReplyAsync(""));
        Assert.Equal(IncidentState.Open, (await harness.IncidentsAsync()).Single().State);
        var signature = Convert.ToHexStringLower(HMACSHA256.HashData("pagerduty-webhook-secret"u8, Encoding.UTF8.GetBytes(body)));
        Assert.Equal(HttpStatusCode.Accepted, await ReplyAsync($"v1={new string('0', 64)},v1={signature}"));
        var incident = (await harness.IncidentsAsync()).Single();
        Assert.Equal((IncidentState.Acknowledged, "Anna (PagerDuty)"), (incident.State, incident.Assignee));

        async Task<HttpStatusCode> ReplyAsync(string header)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/api/receivers/pager/pagerduty") { Content = new StringContent(body, Encoding.UTF8, "application/json") };
            request.Headers.TryAddWithoutValidation("X-PagerDuty-Signature", header);
            return (await http.SendAsync(request, Token)).StatusCode;
        }
    }

    [Fact]
    public async Task ReceiverTest_SendsOneMarkedMessageAndSaysWhatCameBack()
    {
        await using var hook = await WebhookDouble.StartAsync();
        await using var harness = await AlertingHarness.StartAsync($"receivers:\n{hook.Yaml()}");
        using var http = Client(harness, null);
        var answer = await (await http.PostAsync("/api/receivers/hook/test", null, Token)).Content.ReadFromJsonAsync<JsonElement>(Token);
        Assert.True(answer.GetProperty("delivered").GetBoolean());
        Assert.Equal("monitoring.test", JsonDocument.Parse(Assert.Single(hook.Calls).Body).RootElement.GetProperty("type").GetString());
        Assert.Empty(hook.Violations);
        await hook.DisposeAsync();
        answer = await (await http.PostAsync("/api/receivers/hook/test", null, Token)).Content.ReadFromJsonAsync<JsonElement>(Token);
        Assert.False(answer.GetProperty("delivered").GetBoolean());
        Assert.Contains("no answer", answer.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    private static HttpClient Client(AlertingHarness harness, string? key)
    {
        var http = new HttpClient { BaseAddress = new Uri(harness.App.Urls.First()) };
        if (key is not null)
        {
            http.DefaultRequestHeaders.Add("X-Api-Key", key);
        }

        return http;
    }

    private static async Task<JsonElement> GetAsync(HttpClient http, string path)
    {
        var answer = await http.GetAsync(path, Token);
        Assert.True(answer.IsSuccessStatusCode, $"{path}: {(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync(Token)}");
        return await answer.Content.ReadFromJsonAsync<JsonElement>(Token);
    }

    /// <summary>An event log that takes nothing.</summary>
    public class AwayLog : DispatchProxy
    {
        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) => throw new EventLogException("the log is away", isTransient: true);
    }

    private static string Hash(string key) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)));
}
