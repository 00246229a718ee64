using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Monitoring.Contracts;
using Monitoring.Hosting;
using Monitoring.Storage;
using Monitoring.TestKit;
using Action = Monitoring.Contracts.Action;

namespace Monitoring.Alerting.Tests;

/// <summary>Containment as people and policies decide it: bounds, roles, audit, and what reaches the topic.</summary>
public sealed class ResponseTests
{
    private const string Models = """
        models:
          - { name: digits, expected: [backfill], versions: [ { version: "0" } ] }
          - { name: flights }
        """;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_decision_is_signed_audited_listed_approved_and_lifted()
    {
        await using var harness = await AlertingHarness.StartAsync("controls: { enforce: true }\n" + Models);
        using var http = Client(harness);
        var sealer = harness.App.Services.GetRequiredService<ClientSealer>();
        var made = await http.PostAsJsonAsync("/api/responses", new { action = "throttle", client = "mallory", model = "digits", @for = "2h", rate = 0.5, reason = "theft", dryRun = true }, Token);
        Assert.Equal(HttpStatusCode.Created, made.StatusCode);
        var view = Assert.Single((await made.Content.ReadFromJsonAsync<ResponseView[]>(Token))!);
        Assert.Equal(("throttle", sealer.Seal("client", "mallory"), "digits", "to 0.5 calls/s", "active", "dry-run", "local", "theft"), (view.Action, view.Client, view.Model, view.Parameter, view.State, view.Mode, view.Author, view.Reason));

        // Who decides sees the decision, at once.
        Assert.Equal(view.Id, Assert.Single((await http.GetFromJsonAsync<ResponseView[]>("/api/responses", Token))!).Id);
        var control = await SeenAsync(harness, view.Id, c => true);
        Assert.True(harness.App.Services.GetRequiredService<ControlSigner>().IsAuthentic(control));
        Assert.Equal(2 * 3600 * 1_000_000_000L, control.ExpiresUnixNano - control.TimeUnixNano);

        Assert.Equal(HttpStatusCode.OK, (await http.PostAsync($"/api/responses/{view.Id}/approve", null, Token)).StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, (await http.PostAsync($"/api/responses/{view.Id}/approve", null, Token)).StatusCode);
        Assert.Equal("enforced", Assert.Single((await http.GetFromJsonAsync<ResponseView[]>("/api/responses", Token))!).Mode);

        Assert.Equal(HttpStatusCode.OK, (await http.PostAsJsonAsync($"/api/responses/{view.Id}/lift", new { reason = "it was a customer" }, Token)).StatusCode);
        Assert.Empty((await http.GetFromJsonAsync<ResponseView[]>("/api/responses", Token))!);
        Assert.Equal("lifted", Assert.Single((await http.GetFromJsonAsync<ResponseView[]>("/api/responses?all=true", Token))!).State);
        Assert.Equal(HttpStatusCode.NotFound, (await http.PostAsJsonAsync($"/api/responses/{view.Id}/lift", new { }, Token)).StatusCode);
        var audit = await AuditAsync(harness, view.Id);
        Assert.Equal(["response.throttle done", "response.approve done", "response.lift done", "response.lift refused"], audit);
    }

    [Fact]
    public async Task Route_with_a_model_alone_is_for_everybody_and_previous_is_decided_when_it_is_asked()
    {
        await using var harness = await AlertingHarness.StartAsync("controls: { enforce: true }\n" + Models);
        using var http = Client(harness);
        var made = await http.PostAsJsonAsync("/api/responses", new { action = "route", model = "digits", to = "previous", reason = "version 1 is bad" }, Token);
        var view = Assert.Single((await made.Content.ReadFromJsonAsync<ResponseView[]>(Token))!);
        Assert.Equal(("", "digits", "to version 0", "enforced"), (view.Client, view.Model, view.Parameter, view.Mode));
        var control = await SeenAsync(harness, view.Id, c => true);
        Assert.Equal(("", "0", 7 * 86400 * 1_000_000_000L), (control.Client, control.Target, control.ExpiresUnixNano - control.TimeUnixNano));
        var refused = await http.PostAsJsonAsync("/api/responses", new { action = "route", model = "flights", to = "previous" }, Token);
        Assert.Contains("declares no fallback", await refused.Content.ReadAsStringAsync(Token), StringComparison.Ordinal);

        // Everybody is never denied, throttled or coarsened.
        Assert.Equal(HttpStatusCode.BadRequest, (await http.PostAsJsonAsync("/api/responses", new { action = "deny", model = "digits", @for = "1h" }, Token)).StatusCode);
    }

    [Fact]
    public async Task A_sealed_id_is_taken_as_it_is_and_without_enforce_everything_is_dry_run()
    {
        await using var harness = await AlertingHarness.StartAsync(Models);
        using var http = Client(harness);
        var id = harness.App.Services.GetRequiredService<ClientSealer>().Seal("client", "mallory");
        var made = await http.PostAsJsonAsync("/api/responses", new { action = "deny", client = id, @for = "5m" }, Token);
        var view = Assert.Single((await made.Content.ReadFromJsonAsync<ResponseView[]>(Token))!);
        Assert.Equal((id, "", "dry-run"), (view.Client, view.Model, view.Mode));
        Assert.True((await SeenAsync(harness, view.Id, c => true)).DryRun);
        var refused = await http.PostAsync($"/api/responses/{view.Id}/approve", null, Token);
        Assert.Contains("controls.enforce", await refused.Content.ReadAsStringAsync(Token), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"action":"nuke","client":"a","for":"1h"}""", 400, "allowed are throttle, deny, coarsen, route")]
    [InlineData("""{"action":"deny","client":"a"}""", 400, "for: a duration")]
    [InlineData("""{"action":"deny","client":"a","for":"8d"}""", 400, "at most 7d")]
    [InlineData("""{"action":"deny","for":"1h"}""", 400, "client: is needed, or incident")]
    [InlineData("""{"action":"deny","client":"a","for":"1h","model":"nope"}""", 400, "allowed: digits, flights")]
    [InlineData("""{"action":"throttle","client":"a","for":"1h","rate":-1}""", 400, "rate: calls a second")]
    [InlineData("""{"action":"coarsen","client":"a","for":"1h","decimals":12}""", 400, "decimals: 0")]
    [InlineData("""{"action":"route","client":"a","for":"1h","model":"digits","to":"7"}""", 400, "has no version '7'; allowed: 1, 0")]
    [InlineData("""{"action":"route","client":"a","for":"1h","model":"digits"}""", 400, "declares no fallback")]
    [InlineData("""{"action":"deny","client":"a","for":"1h","incident":"inc-none"}""", 404, "no incident inc-none")]
    [InlineData("""{"action":""", 400, "malformed JSON")]
    public async Task A_wrong_request_is_refused_with_what_is_allowed(string body, int status, string message)
    {
        await using var harness = await AlertingHarness.StartAsync(Models);
        using var http = Client(harness);
        var response = await http.PostAsync("/api/responses", new StringContent(body, Encoding.UTF8, "application/json"), Token);
        Assert.Equal(status, (int)response.StatusCode);
        Assert.Contains(message, JsonDocument.Parse(await response.Content.ReadAsStringAsync(Token)).RootElement.GetProperty("detail").GetString() ?? "", StringComparison.Ordinal);
        Assert.Empty(harness.App.Services.GetRequiredService<ControlLedger>().Current.ById);
    }

    [Fact]
    public async Task Roles_and_models_of_a_key_bound_what_it_may_do()
    {
        const string Viewer = "viewer-key", Responder = "responder-key", Everywhere = "everywhere-key";
        var keys = $"keys: [ {{ name: viewer, sha256: {Hash(Viewer)}, roles: [view] }}, {{ name: responder, sha256: {Hash(Responder)}, roles: [respond, view], models: [flights] }}, {{ name: everywhere, sha256: {Hash(Everywhere)}, roles: [respond] }} ]";
        await using var harness = await AlertingHarness.StartAsync(Models, api: keys);
        var deny = new { action = "deny", client = "mallory", model = "digits", @for = "1h" };
        using var nobody = Client(harness);
        Assert.Equal(HttpStatusCode.Unauthorized, (await nobody.PostAsJsonAsync("/api/responses", deny, Token)).StatusCode);
        using var viewer = Client(harness, Viewer);
        Assert.Equal(HttpStatusCode.Forbidden, (await viewer.PostAsJsonAsync("/api/responses", deny, Token)).StatusCode);
        using var responder = Client(harness, Responder);
        Assert.Equal(HttpStatusCode.Forbidden, (await responder.PostAsJsonAsync("/api/responses", deny, Token)).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await responder.PostAsJsonAsync("/api/responses", new { action = "deny", client = "mallory", @for = "1h" }, Token)).StatusCode);
        Assert.Equal(HttpStatusCode.Created, (await responder.PostAsJsonAsync("/api/responses", deny with { model = "flights" }, Token)).StatusCode);
        using var everywhere = Client(harness, Everywhere);
        var made = Assert.Single((await (await everywhere.PostAsJsonAsync("/api/responses", deny, Token)).Content.ReadFromJsonAsync<ResponseView[]>(Token))!);
        await SeenAsync(harness, made.Id, c => true);
        Assert.Equal(HttpStatusCode.NotFound, (await responder.PostAsJsonAsync($"/api/responses/{made.Id}/lift", new { }, Token)).StatusCode);
        Assert.Equal("flights", Assert.Single((await viewer.GetFromJsonAsync<ResponseView[]>("/api/responses", Token))!, v => v.Model == "flights").Model);
        Assert.Equal(2, await harness.Database.ReadAsync((c, t) => c.Audit.CountAsync(a => a.Action == "response.deny" && a.Outcome == "refused" && a.Actor == "responder", t), Token));
    }

    [Fact]
    public async Task From_an_incident_all_its_clients_are_contained_and_a_note_says_so()
    {
        await using var harness = await AlertingHarness.StartAsync(Models);
        using var http = Client(harness);
        var finding = Findings.Make(1, client: "");
        finding.Clients.Add(["one", "two", "three"]);
        await harness.PublishAsync(finding);
        await harness.ConsumedAsync(1);
        var incident = Assert.Single(await harness.IncidentsAsync());
        var made = await http.PostAsJsonAsync("/api/responses", new { action = "coarsen", incident = incident.Id, @for = "1h" }, Token);
        var views = (await made.Content.ReadFromJsonAsync<ResponseView[]>(Token))!;
        Assert.Equal(3, views.Select(v => v.Client).Distinct().Count());
        Assert.All(views, v => Assert.Equal((incident.Id, "digits"), (v.Incident, v.Model)));
        var note = Assert.Single(await harness.Database.ReadAsync((c, t) => c.Notes.Where(n => n.IncidentId == incident.Id).ToListAsync(t), Token));
        Assert.StartsWith("Response: coarsen to the top class for 3 clients until ", note.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_policy_decides_once_per_incident_and_client_and_a_false_alarm_frees_them()
    {
        const string Policy = """
            controls: { enforce: true }
            responses:
              - { name: thieves, families: [extraction], action: throttle, rate: 2, for: 30m }
              - { name: careful, families: [extraction], action: deny, needsApproval: true }
              - { name: others, families: [drift], action: deny }

            """;
        using var folder = new TemporaryDirectory();
        string incident;
        await using (var harness = await AlertingHarness.StartAsync(Policy + Models, directory: folder.Path))
        {
            await harness.PublishAsync(Make(1, Seal(harness, "mallory")));
            await harness.ConsumedAsync(1);
            await CountAsync(harness, 2);
            incident = Assert.Single(await harness.IncidentsAsync()).Id;
            var controls = harness.App.Services.GetRequiredService<ControlLedger>().Current.ById.Values.OrderBy(c => c.Author).ToList();
            Assert.Equal([("policy:careful", Action.Deny, true), ("policy:thieves", Action.Throttle, false)], controls.Select(c => (c.Author, c.Action, c.DryRun)));
            Assert.All(controls, c => Assert.Equal(("digits", incident, Seal(harness, "mallory")), (c.Model, c.Incident, c.Client)));
            Assert.Equal((2.0, 1800L * 1_000_000_000), (controls[1].Rate, controls[1].ExpiresUnixNano - controls[1].TimeUnixNano));
        }

        await using var again = await AlertingHarness.StartAsync(Policy + Models, directory: folder.Path);
        await again.App.Services.GetRequiredService<ControlLedger>().Read;
        await again.App.Services.GetRequiredService<Monitoring.Alerting.Responses.ResponsePolicies>().ApplyAsync(Token);
        var range = await again.Log.GetOffsetsAsync(Topics.Controls, 0, Token);
        Assert.Equal(2, range.End);

        // Known heavy clients and incidents that nobody was told of are left alone.
        await again.PublishAsync(Make(2, Seal(again, "backfill")));
        await again.ConsumedAsync(2);
        await again.App.Services.GetRequiredService<Monitoring.Alerting.Responses.ResponsePolicies>().ApplyAsync(Token);
        Assert.Equal(2, (await again.Log.GetOffsetsAsync(Topics.Controls, 0, Token)).End);

        using var http = Client(again);
        Assert.Equal(HttpStatusCode.NoContent, (await http.PostAsJsonAsync($"/api/incidents/{incident}/false-alarm", new { reason = "a load test" }, Token)).StatusCode);
        await Eventually.TrueAsync(() => again.App.Services.GetRequiredService<ControlLedger>().Current.ById.Values.All(c => c.Revoked), "both decisions are lifted");
    }

    private static Finding Make(int number, string client) => Findings.Make(number, client: client, family: Family.Extraction, severity: Severity.Harm);

    private static string Seal(AlertingHarness harness, string client) => harness.App.Services.GetRequiredService<ClientSealer>().Seal("client", client);

    private static Task CountAsync(AlertingHarness harness, int count) =>
        Eventually.TrueAsync(() => harness.App.Services.GetRequiredService<ControlLedger>().Current.ById.Count == count, $"{count} decisions");

    private static async Task<Control> SeenAsync(AlertingHarness harness, string id, Func<Control, bool> condition)
    {
        var ledger = harness.App.Services.GetRequiredService<ControlLedger>();
        await Eventually.TrueAsync(() => ledger.Current.ById.TryGetValue(id, out var control) && condition(control), $"the decision {id} is on the topic");
        return ledger.Current.ById[id];
    }

    private static Task<List<string>> AuditAsync(AlertingHarness harness, string target) => harness.Database.ReadAsync(
        (c, t) => c.Audit.Where(a => a.Target == target).OrderBy(a => a.Id).Select(a => a.Action + " " + a.Outcome).ToListAsync(t), Token);

    private static HttpClient Client(AlertingHarness harness, string? key = null)
    {
        var http = new HttpClient { BaseAddress = new Uri(harness.App.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First()) };
        if (key is not null)
        {
            http.DefaultRequestHeaders.Add("X-Api-Key", key);
        }

        return http;
    }

    private static string Hash(string key) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)));
}
