using System.Net;
using System.Text.RegularExpressions;
using Microsoft.Extensions.DependencyInjection;
using Monitoring.Hosting;
using Monitoring.Storage;
using Monitoring.TestKit;

namespace Monitoring.Browser.Tests;

/// <summary>The pages over plain HTTP: what they say, who gets in, what is refused, what is audited.</summary>
public sealed partial class PageTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Incident_Attack_ShowsAllThatAResponderAsks()
    {
        await using var harness = await ConsoleHarness.StartAsync();
        var incident = await harness.AttackAsync();
        using var http = harness.Client();
        var response = await http.GetAsync(new Uri($"/incidents/{incident.Id}", UriKind.Relative), Token);
        var page = await response.Content.ReadAsStringAsync(Token);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.DoesNotContain("script", string.Join(' ', response.Headers.GetValues("Content-Security-Policy")), StringComparison.Ordinal);
        Assert.Contains("its copy now agrees on 79 to 87 %", page, StringComparison.Ordinal);
        Assert.Contains("AML.T0024.002", page, StringComparison.Ordinal);
        Assert.Contains("97 %", page, StringComparison.Ordinal);
        Assert.Contains("level at which it pages", page, StringComparison.Ordinal);
        Assert.Contains("0 (91 %)", page, StringComparison.Ordinal);
        Assert.Contains("/runbooks/", page, StringComparison.Ordinal);

        // What came from outside is text, not markup.
        Assert.Contains("digits 7 &lt;b&gt;rolled out&lt;/b&gt;", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<b>rolled out", page, StringComparison.Ordinal);

        foreach (var picture in Pictures().Matches(page).Select(m => m.Groups[1].Value).ToList())
        {
            var png = await http.GetByteArrayAsync(new Uri(picture, UriKind.Relative), Token);
            Assert.Equal([0x89, (byte)'P', (byte)'N', (byte)'G'], png[..4]);
        }

        Assert.Equal(7, Pictures().Count(page));
        Assert.Equal(7, (await harness.AuditAsync()).Count(a => a is { Action: "evidence.read", Outcome: "done" }));
    }

    [Fact]
    public async Task Incident_Drift_ShowsRowsAndTheFeatureOverTime()
    {
        await using var harness = await ConsoleHarness.StartAsync();
        var incident = await harness.DriftAsync();
        using var http = harness.Client();
        var page = await http.GetStringAsync(new Uri($"/incidents/{incident.Id}", UriKind.Relative), Token);
        Assert.Contains("mean of distance between 30", page, StringComparison.Ordinal);
        Assert.Contains("shift-sd 2.2 (304 → 704)", WebUtility.HtmlDecode(page), StringComparison.Ordinal);
        Assert.Contains("carries 93 % of what tells the rows", page, StringComparison.Ordinal);
        Assert.Contains("> 640 km</th><td class=\"number\">12.5 %</td><td class=\"number\">75 %</td>", page.Replace("&gt;", ">", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Contains("<td class=\"number\">0.62</td><td class=\"number\">0.214</td>", page, StringComparison.Ordinal);
        Assert.Equal((0.93, 0.214), (incident.Details.Slice!.Carried, incident.Details.Columns[0].Impact));
        Assert.Null(incident.Details.Columns[1].Impact);
        Assert.Contains("Monday", page, StringComparison.Ordinal);
        Assert.Contains(await harness.AuditAsync(), a => a.Action == "evidence.read" && a.Target == incident.Id);
    }

    [Fact]
    public async Task Pages_OfModelsListsRunbooks_Answer()
    {
        await using var harness = await ConsoleHarness.StartAsync();
        var incident = await harness.AttackAsync();
        using var http = harness.Client();
        Assert.Contains(incident.Id, await http.GetStringAsync(new Uri("/incidents", UriKind.Relative), Token), StringComparison.Ordinal);
        Assert.DoesNotContain(incident.Id, await http.GetStringAsync(new Uri("/incidents?state=closed", UriKind.Relative), Token), StringComparison.Ordinal);
        Assert.Contains("1 open", await http.GetStringAsync(new Uri("/models", UriKind.Relative), Token), StringComparison.Ordinal);
        Assert.Contains("vision-team", await http.GetStringAsync(new Uri("/models/digits", UriKind.Relative), Token), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.NotFound, (await http.GetAsync(new Uri("/models/none", UriKind.Relative), Token)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await http.GetAsync(new Uri("/incidents/inc-none", UriKind.Relative), Token)).StatusCode);
        Assert.Contains("<table>", await http.GetStringAsync(new Uri("/runbooks/LagHigh", UriKind.Relative), Token), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.NotFound, (await http.GetAsync(new Uri("/runbooks/..%2Fsecret", UriKind.Relative), Token)).StatusCode);
        var runbooks = Directory.GetFiles(Path.Combine(Root(), "docs", "runbooks"), "*.md").Select(f => Path.GetFileNameWithoutExtension(f)).Where(f => f != "README").ToList();
        foreach (var name in runbooks)
        {
            Assert.Equal(HttpStatusCode.OK, (await http.GetAsync(new Uri($"/runbooks/{name}", UriKind.Relative), Token)).StatusCode);
        }
    }

    /// <summary>Pages that are watched come again by themselves, without script; pages on which somebody types do not.</summary>
    [Fact]
    public async Task Pages_ThatAreWatched_ComeAgain()
    {
        await using var harness = await ConsoleHarness.StartAsync();
        var incident = await harness.AttackAsync();
        using var http = harness.Client();
        foreach (var path in (string[])["/incidents", "/incidents?state=active&severity=harm", "/models", "/models/digits"])
        {
            Assert.Contains("<meta http-equiv=\"refresh\" content=\"15\">", await http.GetStringAsync(new Uri(path, UriKind.Relative), Token), StringComparison.Ordinal);
        }

        foreach (var path in (string[])["/incidents?state=closed", $"/incidents/{incident.Id}", "/models/digits/review", "/runbooks"])
        {
            Assert.DoesNotContain("http-equiv", await http.GetStringAsync(new Uri(path, UriKind.Relative), Token), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Forms_ActAndAreAudited()
    {
        await using var harness = await ConsoleHarness.StartAsync();
        var incident = await harness.AttackAsync();
        using var http = harness.Client();
        Assert.Equal(HttpStatusCode.SeeOther, await PostAsync(http, incident.Id, "note", ("text", "called <the owner>")));
        Assert.Equal(HttpStatusCode.SeeOther, await PostAsync(http, incident.Id, "assign", ("assignee", "anna")));
        Assert.Equal(HttpStatusCode.SeeOther, await PostAsync(http, incident.Id, "hold"));
        Assert.Equal(HttpStatusCode.SeeOther, await PostAsync(http, incident.Id, "silence", ("for", "4h"), ("reason", "known")));
        Assert.Equal(HttpStatusCode.SeeOther, await PostAsync(http, incident.Id, "acknowledge"));
        Assert.Equal(HttpStatusCode.Conflict, await PostAsync(http, incident.Id, "acknowledge"));
        Assert.Equal(HttpStatusCode.BadRequest, await PostAsync(http, incident.Id, "note", ("text", "  ")));
        Assert.Equal(HttpStatusCode.BadRequest, await PostAsync(http, incident.Id, "silence", ("for", "4"), ("reason", "known")));
        Assert.Equal(HttpStatusCode.SeeOther, await PostAsync(http, incident.Id, "false-alarm", ("reason", "load test")));
        var after = await harness.ReloadAsync(incident.Id);
        Assert.Equal(IncidentState.FalseAlarm, after.State);
        Assert.Equal("anna", after.Assignee);
        Assert.True(after.Held);
        Assert.Contains("called &lt;the owner&gt;", await http.GetStringAsync(new Uri($"/incidents/{incident.Id}", UriKind.Relative), Token), StringComparison.Ordinal);
        var done = (await harness.AuditAsync()).Where(a => a is { Outcome: "done" } && a.Action != "evidence.read").Select(a => a.Action);
        Assert.Equal(["incident.note", "incident.assign", "incident.hold", "silence.create", "incident.acknowledge", "incident.falseAlarm"], done);
    }

    [Fact]
    public async Task Form_WithoutItsToken_DoesNothing()
    {
        await using var harness = await ConsoleHarness.StartAsync();
        var incident = await harness.AttackAsync();
        using var http = harness.Client();
        using var form = new FormUrlEncodedContent([]);
        Assert.Equal(HttpStatusCode.BadRequest, (await http.PostAsync(new Uri($"/incidents/{incident.Id}/acknowledge", UriKind.Relative), form, Token)).StatusCode);
        Assert.Equal(IncidentState.Open, (await harness.ReloadAsync(incident.Id)).State);
    }

    [Fact]
    public async Task Reveal_NamesTheClientAndIsAudited()
    {
        await using var harness = await ConsoleHarness.StartAsync(keys: true);
        var incident = await harness.AttackAsync();
        using var http = await harness.SignedInAsync(ConsoleHarness.RespondKey);
        var token = ConsoleHarness.FormToken(await http.GetStringAsync(new Uri($"/incidents/{incident.Id}", UriKind.Relative), Token));
        using var form = new FormUrlEncodedContent([new("token", token), new("client", incident.Client), new("reason", "theft")]);
        var answer = await http.PostAsync(new Uri($"/incidents/{incident.Id}/reveal", UriKind.Relative), form, Token);
        Assert.Contains("acme-batch-7", await answer.Content.ReadAsStringAsync(Token), StringComparison.Ordinal);
        Assert.Contains(await harness.AuditAsync(), a => a is { Action: "client.reveal", Actor: "responder", Outcome: "done", Detail: "theft" });
    }

    [Fact]
    public async Task Access_StrangerViewerTeamResponder_EachItsOwn()
    {
        await using var harness = await ConsoleHarness.StartAsync(keys: true);
        var incident = await harness.AttackAsync();
        var path = new Uri($"/incidents/{incident.Id}", UriKind.Relative);
        using var stranger = harness.Client();
        var sent = await stranger.GetAsync(path, Token);
        Assert.Equal(HttpStatusCode.Redirect, sent.StatusCode);
        Assert.StartsWith("/login?return=", sent.Headers.Location!.ToString(), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Redirect, (await stranger.GetAsync(new Uri($"/incidents/{incident.Id}/samples/call-0.png", UriKind.Relative), Token)).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await stranger.GetAsync(new Uri("/runbooks/LagHigh", UriKind.Relative), Token)).StatusCode);

        using var viewer = await harness.SignedInAsync(ConsoleHarness.ViewKey);
        var page = await viewer.GetStringAsync(path, Token);
        Assert.DoesNotContain("/acknowledge", page, StringComparison.Ordinal);
        using var form = new FormUrlEncodedContent([new("token", ConsoleHarness.FormToken(page))]);
        Assert.Equal(HttpStatusCode.Forbidden, (await viewer.PostAsync(new Uri($"/incidents/{incident.Id}/acknowledge", UriKind.Relative), form, Token)).StatusCode);

        using var team = await harness.SignedInAsync(ConsoleHarness.FlightsKey);
        Assert.Equal(HttpStatusCode.NotFound, (await team.GetAsync(path, Token)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await team.GetAsync(new Uri($"/incidents/{incident.Id}/samples/call-0.png", UriKind.Relative), Token)).StatusCode);
        Assert.Contains(await harness.AuditAsync(), a => a is { Action: "evidence.read", Actor: "flights-team", Outcome: "refused" });

        using var responder = await harness.SignedInAsync(ConsoleHarness.RespondKey);
        Assert.Equal(HttpStatusCode.SeeOther, await PostAsync(responder, incident.Id, "acknowledge"));
        Assert.Equal("responder", (await harness.ReloadAsync(incident.Id)).Assignee);
        Assert.Equal(HttpStatusCode.SeeOther, await PostAsync(responder, "", "", path: "/logout", page: path));
        Assert.Equal(HttpStatusCode.Redirect, (await responder.GetAsync(path, Token)).StatusCode);
    }

    [Fact]
    public async Task Login_WrongKey_IsRefusedAuditedAndNotKept()
    {
        await using var harness = await ConsoleHarness.StartAsync(keys: true);
        using var http = harness.Client();
        var page = await http.GetStringAsync(new Uri("/login?return=//evil.example", UriKind.Relative), Token);
        Assert.DoesNotContain("evil", page, StringComparison.Ordinal);
        using var form = new FormUrlEncodedContent([new("token", ConsoleHarness.FormToken(page)), new("key", "not-a-key-of-ours"), new("return", "/incidents")]);
        var answer = await http.PostAsync(new Uri("/login", UriKind.Relative), form, Token);
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        var audit = Assert.Single(await harness.AuditAsync());
        Assert.Equal(("session.begin", "refused"), (audit.Action, audit.Outcome));
        Assert.DoesNotContain("not-a-key", audit.Actor + audit.Target + audit.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Link_OpensItsIncidentOnly_UntilItExpires()
    {
        await using var harness = await ConsoleHarness.StartAsync(keys: true);
        var attack = await harness.AttackAsync();
        var drift = await harness.DriftAsync();
        var links = harness.App.Services.GetRequiredService<IncidentLinks>();
        var query = links.Query(attack.Id, TimeProvider.System.GetUtcNow());
        using var http = harness.Client();

        var redirect = await http.GetAsync(new Uri($"/incidents/{attack.Id}{query}", UriKind.Relative), Token);
        Assert.Equal($"/incidents/{attack.Id}", redirect.Headers.Location!.ToString());
        var page = await http.GetStringAsync(redirect.Headers.Location, Token);
        Assert.Contains("its copy now agrees", page, StringComparison.Ordinal);
        Assert.DoesNotContain("/acknowledge", page, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync(new Uri($"/incidents/{attack.Id}/samples/call-0.png", UriKind.Relative), Token)).StatusCode);
        Assert.Contains(await harness.AuditAsync(), a => a.Action == "evidence.read" && a.Actor == $"link to {attack.Id}");

        Assert.Equal(HttpStatusCode.Redirect, (await http.GetAsync(new Uri("/incidents", UriKind.Relative), Token)).StatusCode);
        using var other = harness.Client();
        var refused = await other.GetAsync(new Uri($"/incidents/{drift.Id}{query}", UriKind.Relative), Token);
        Assert.StartsWith("/login", refused.Headers.Location!.ToString(), StringComparison.Ordinal);
        var expired = links.Query(attack.Id, TimeProvider.System.GetUtcNow() - TimeSpan.FromDays(4));
        refused = await other.GetAsync(new Uri($"/incidents/{attack.Id}{expired}", UriKind.Relative), Token);
        Assert.StartsWith("/login", refused.Headers.Location!.ToString(), StringComparison.Ordinal);
        refused = await other.GetAsync(new Uri($"/incidents/{attack.Id}{query}x", UriKind.Relative), Token);
        Assert.StartsWith("/login", refused.Headers.Location!.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Link_WithRespond_MayActButNotSilence()
    {
        await using var harness = await ConsoleHarness.StartAsync(keys: true, links: "{ role: respond }");
        var incident = await harness.AttackAsync();
        using var http = harness.Client();
        await http.GetAsync(new Uri($"/incidents/{incident.Id}{harness.App.Services.GetRequiredService<IncidentLinks>().Query(incident.Id, TimeProvider.System.GetUtcNow())}", UriKind.Relative), Token);
        Assert.Equal(HttpStatusCode.SeeOther, await PostAsync(http, incident.Id, "acknowledge"));
        Assert.Equal(HttpStatusCode.Forbidden, await PostAsync(http, incident.Id, "silence", ("for", "4h"), ("reason", "x")));
        Assert.Contains(await harness.AuditAsync(), a => a.Action == "incident.acknowledge" && a.Actor == $"link to {incident.Id}");
    }

    [Fact]
    public async Task Notification_CarriesASignedLink()
    {
        await using var harness = await ConsoleHarness.StartAsync(keys: true, more: "receivers: [ { name: hook, webhook: { url: \"https://hook.invalid/\" } } ]");
        var incident = await harness.AttackAsync();
        OutboxNotification? row = null;
        await Eventually.TrueAsync(
            async () => (row = await harness.Database.ReadAsync((c, t) => Microsoft.EntityFrameworkCore.EntityFrameworkQueryableExtensions.FirstOrDefaultAsync(c.Notifications, t), Token)) is not null,
            "a notification");
        Assert.Contains($"https://monitoring.example.com/incidents/{incident.Id}?link=", row!.Message, StringComparison.Ordinal);
    }

    private static async Task<HttpStatusCode> PostAsync(HttpClient http, string incident, string act, params (string Name, string Value)[] fields) =>
        await PostAsync(http, incident, act, null, null, fields);

    private static async Task<HttpStatusCode> PostAsync(HttpClient http, string incident, string act, string? path, Uri? page, params (string Name, string Value)[] fields)
    {
        var token = ConsoleHarness.FormToken(await http.GetStringAsync(page ?? new Uri($"/incidents/{incident}", UriKind.Relative), Token));
        using var form = new FormUrlEncodedContent([new("token", token), .. fields.Select(f => new KeyValuePair<string, string>(f.Name, f.Value))]);
        return (await http.PostAsync(new Uri(path ?? $"/incidents/{incident}/{act}", UriKind.Relative), form, Token)).StatusCode;
    }

    private static string Root()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(directory!.FullName, "Monitoring.sln")))
        {
            directory = directory.Parent;
        }

        return directory.FullName;
    }

    [GeneratedRegex("<img src=\"([^\"]+)\"", RegexOptions.None, 1000)]
    private static partial Regex Pictures();
}
