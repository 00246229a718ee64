using System.Net;
using System.Text.Json.Nodes;
using Monitoring.TestKit.Oidc;

namespace Monitoring.Browser.Tests;

/// <summary>Sign-in of people by a provider, against a strict one: who comes in, as whom, and everything that must not pass.</summary>
public sealed class SignInTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Person_SignsInActsAndSignsOut_BesideKeysAndLinks()
    {
        await using var provider = await OidcProvider.StartAsync();
        provider.Claims = new JsonObject { ["sub"] = "u-17", ["preferred_username"] = "ann", ["groups"] = new JsonArray("everybody", "ml-oncall") };
        await using var harness = await StartAsync(provider);
        var incident = await harness.AttackAsync();
        using var http = harness.Client();
        var login = await http.GetStringAsync(new Uri("/login?return=/models/digits", UriKind.Relative), Token);
        Assert.Contains("Sign in with Acme ID", login, StringComparison.Ordinal);
        Assert.Contains("name=\"key\"", login, StringComparison.Ordinal);

        var home = await FollowAsync(http, provider, "/models/digits");
        Assert.Equal(HttpStatusCode.SeeOther, home.StatusCode);
        Assert.Equal("/models/digits", home.Headers.Location!.ToString());
        var cookie = Assert.Single(home.Headers.GetValues("Set-Cookie"), c => c.StartsWith("monitoring-session=", StringComparison.Ordinal));
        Assert.Contains("httponly", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("samesite=lax", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Equal("no-store", home.Headers.CacheControl!.ToString());
        Assert.Empty(provider.Violations);

        var page = await http.GetStringAsync(new Uri($"/incidents/{incident.Id}", UriKind.Relative), Token);
        Assert.Contains("<span class=\"who\">ann</span>", page, StringComparison.Ordinal);
        using (var form = new FormUrlEncodedContent([new("token", ConsoleHarness.FormToken(page))]))
        {
            Assert.Equal(HttpStatusCode.SeeOther, (await http.PostAsync(new Uri($"/incidents/{incident.Id}/acknowledge", UriKind.Relative), form, Token)).StatusCode);
        }

        Assert.Equal("ann", (await harness.ReloadAsync(incident.Id)).Assignee);
        Assert.Contains(await harness.AuditAsync(), a => a is { Action: "session.begin", Actor: "ann", Outcome: "done", Detail: "by 127.0.0.1, sub u-17" });

        // A session of the pages is none of the API, which no form of another site may reach with it.
        Assert.Equal(HttpStatusCode.Unauthorized, (await http.GetAsync(new Uri("/api/incidents", UriKind.Relative), Token)).StatusCode);

        using (var form = new FormUrlEncodedContent([new("token", ConsoleHarness.FormToken(page))]))
        {
            var bye = await http.PostAsync(new Uri("/logout", UriKind.Relative), form, Token);
            Assert.Equal("/login?ended=provider", bye.Headers.Location!.ToString());
        }

        Assert.Contains("/logout/provider", await http.GetStringAsync(new Uri("/login?ended=provider", UriKind.Relative), Token), StringComparison.Ordinal);
        var end = await http.GetAsync(new Uri("/logout/provider", UriKind.Relative), Token);
        Assert.StartsWith($"{provider.Authority}end?client_id=monitoring-console&post_logout_redirect_uri=", end.Headers.Location!.ToString(), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Redirect, (await http.GetAsync(new Uri($"/incidents/{incident.Id}", UriKind.Relative), Token)).StatusCode);

        // Keys go on.
        using var key = await harness.SignedInAsync(ConsoleHarness.RespondKey);
        Assert.Equal(HttpStatusCode.OK, (await key.GetAsync(new Uri($"/incidents/{incident.Id}", UriKind.Relative), Token)).StatusCode);
    }

    [Fact]
    public async Task Grants_AddUp_ButEachRoleHoldsForItsModelsOnly()
    {
        await using var provider = await OidcProvider.StartAsync();
        provider.Claims = new JsonObject { ["sub"] = "u-2", ["groups"] = new JsonArray("ml-viewers", "flights-team") };
        await using var harness = await StartAsync(provider);
        var attack = await harness.AttackAsync();
        var drift = await harness.DriftAsync();
        using var http = harness.Client();
        await FollowAsync(http, provider, "/incidents");

        // Looks at everything, acts on the flights. The name is sub: the provider says no other.
        var page = await http.GetStringAsync(new Uri($"/incidents/{attack.Id}", UriKind.Relative), Token);
        Assert.Contains("<span class=\"who\">u-2</span>", page, StringComparison.Ordinal);
        Assert.DoesNotContain("/acknowledge", page, StringComparison.Ordinal);
        using var form = new FormUrlEncodedContent([new("token", ConsoleHarness.FormToken(page)), new("for", "2h"), new("reason", "x"), new("client", attack.Client), new("action", "throttle")]);
        foreach (var act in new[] { "acknowledge", "silence", "respond", "reveal" })
        {
            Assert.Contains((await http.PostAsync(new Uri($"/incidents/{attack.Id}/{act}", UriKind.Relative), form, Token)).StatusCode, new[] { HttpStatusCode.Forbidden, HttpStatusCode.NotFound });
        }

        Assert.Equal(HttpStatusCode.NotFound, (await http.PostAsync(new Uri("/models/digits/review", UriKind.Relative), form, Token)).StatusCode);
        Assert.Equal(Storage.IncidentState.Open, (await harness.ReloadAsync(attack.Id)).State);
        Assert.DoesNotContain(await harness.AuditAsync(), a => a is { Actor: "u-2", Outcome: "done" } && a.Action is not ("session.begin" or "evidence.read"));
        Assert.Contains("/acknowledge", await http.GetStringAsync(new Uri($"/incidents/{drift.Id}", UriKind.Relative), Token), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.SeeOther, (await http.PostAsync(new Uri($"/incidents/{drift.Id}/acknowledge", UriKind.Relative), form, Token)).StatusCode);
    }

    [Fact]
    public async Task Stranger_IsKnownButGetsNoSession()
    {
        await using var provider = await OidcProvider.StartAsync();
        provider.Claims = new JsonObject { ["sub"] = "u-3", ["preferred_username"] = "<b>eve</b>", ["roles"] = "admin", ["groups"] = "marketing" };
        await using var harness = await StartAsync(provider);
        using var http = harness.Client();
        var answer = await FollowAsync(http, provider, "/incidents");
        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        Assert.Contains("&lt;b&gt;eve", await answer.Content.ReadAsStringAsync(Token), StringComparison.Ordinal);
        Assert.DoesNotContain(answer.Headers.TryGetValues("Set-Cookie", out var cookies) ? cookies : [], c => c.StartsWith("monitoring-session=", StringComparison.Ordinal));
        Assert.Equal(HttpStatusCode.Redirect, (await http.GetAsync(new Uri("/incidents", UriKind.Relative), Token)).StatusCode);
        Assert.Contains(await harness.AuditAsync(), a => a is { Action: "session.begin", Actor: "<b>eve</b>", Outcome: "refused" });
    }

    [Fact]
    public async Task Provider_ThatIsWrong_SignsNobodyIn()
    {
        await using var provider = await OidcProvider.StartAsync();
        provider.Claims = new JsonObject { ["sub"] = "u-1", ["groups"] = "ml-oncall" };
        await using var harness = await StartAsync(provider);
        var refused = 0;
        foreach (var fault in Enum.GetValues<OidcFault>().Where(f => f != OidcFault.None))
        {
            provider.Fault = fault;
            using var http = harness.Client();
            var answer = await FollowAsync(http, provider, "/incidents");
            var page = await answer.Content.ReadAsStringAsync(Token);
            var expected = fault == OidcFault.TokenUnavailable ? HttpStatusCode.ServiceUnavailable : HttpStatusCode.Unauthorized;
            Assert.True(expected == answer.StatusCode, $"{fault}: {answer.StatusCode}");
            Assert.Contains("<h1>", page, StringComparison.Ordinal);
            Assert.DoesNotContain("IDX", page, StringComparison.Ordinal);
            Assert.Equal(HttpStatusCode.Redirect, (await http.GetAsync(new Uri("/incidents", UriKind.Relative), Token)).StatusCode);
            Assert.Equal(++refused, (await harness.AuditAsync()).Count(a => a is { Action: "session.begin", Outcome: "refused" }));
        }

        Assert.DoesNotContain(await harness.AuditAsync(), a => a is { Action: "session.begin", Outcome: "done" });

        // The same provider, right again, signs in: the refusals were his faults'.
        provider.Fault = OidcFault.None;
        using var person = harness.Client();
        Assert.Equal(HttpStatusCode.SeeOther, (await FollowAsync(person, provider, "/incidents")).StatusCode);
        Assert.Empty(provider.Violations);
    }

    [Fact]
    public async Task Callback_StolenRepeatedOrInvented_SignsNobodyIn()
    {
        await using var provider = await OidcProvider.StartAsync();
        provider.Claims = new JsonObject { ["sub"] = "u-1", ["groups"] = "ml-oncall" };
        await using var harness = await StartAsync(provider);
        using var victim = harness.Client();
        var callback = await ToCallbackAsync(victim, provider, "/incidents");

        // In another browser than the one that began, the code is worth nothing, and it is not even tried at the provider.
        using var thief = harness.Client();
        Assert.Equal(HttpStatusCode.BadRequest, (await thief.GetAsync(callback, Token)).StatusCode);
        Assert.Equal(0, provider.Exchanges);
        Assert.Equal(HttpStatusCode.Redirect, (await thief.GetAsync(new Uri("/incidents", UriKind.Relative), Token)).StatusCode);

        Assert.Equal(HttpStatusCode.SeeOther, (await victim.GetAsync(callback, Token)).StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, (await victim.GetAsync(callback, Token)).StatusCode);
        Assert.Equal(1, provider.Exchanges);
        foreach (var invented in new[] { "/login/callback", "/login/callback?code=x", "/login/callback?code=x&state=y", "/login/callback?error=server_error&error_description=<script>&state=y" })
        {
            var answer = await thief.GetAsync(new Uri(invented, UriKind.Relative), Token);
            Assert.InRange((int)answer.StatusCode, 400, 401);
            Assert.DoesNotContain("<script", await answer.Content.ReadAsStringAsync(Token), StringComparison.Ordinal);
        }

        // A way out of the site is not followed after sign-in.
        using var led = harness.Client();
        Assert.Equal("/incidents", (await FollowAsync(led, provider, "//evil.example/")).Headers.Location!.ToString());
    }

    [Fact]
    public async Task Provider_Away_IsSaid_AndKeysStillSignIn()
    {
        var provider = await OidcProvider.StartAsync();
        await using var harness = await StartAsync(provider);
        await provider.DisposeAsync();
        using var http = harness.Client();
        var answer = await http.GetAsync(new Uri("/login/provider?return=/incidents", UriKind.Relative), Token);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.Contains("The sign-in provider does not answer", await answer.Content.ReadAsStringAsync(Token), StringComparison.Ordinal);
        using var key = await harness.SignedInAsync(ConsoleHarness.ViewKey);
        Assert.Equal(HttpStatusCode.OK, (await key.GetAsync(new Uri("/incidents", UriKind.Relative), Token)).StatusCode);
    }

    [Fact]
    public async Task Token_AtTheApi_GetsWhatItsGrantsSay()
    {
        await using var provider = await OidcProvider.StartAsync();
        provider.Claims = new JsonObject { ["sub"] = "pipeline", ["groups"] = new JsonArray("flights-team") };
        await using var harness = await StartAsync(provider);
        var attack = await harness.AttackAsync();
        using var http = harness.Client();
        Assert.Equal(HttpStatusCode.Unauthorized, await GetAsync(http, provider.AccessToken("another-api"), "/api/incidents"));
        Assert.Equal(HttpStatusCode.Unauthorized, await GetAsync(http, provider.AccessToken(OidcProvider.ClientId), "/api/incidents"));
        Assert.Equal(HttpStatusCode.OK, await GetAsync(http, provider.AccessToken("monitoring-api"), "/api/incidents"));
        Assert.Equal(HttpStatusCode.NotFound, await GetAsync(http, provider.AccessToken("monitoring-api"), $"/api/incidents/{attack.Id}"));
        provider.Claims["groups"] = new JsonArray("ml-viewers");
        Assert.Equal(HttpStatusCode.OK, await GetAsync(http, provider.AccessToken("monitoring-api"), $"/api/incidents/{attack.Id}"));
        provider.Claims["groups"] = new JsonArray("nobody");
        provider.Claims["roles"] = "admin";
        Assert.Equal(HttpStatusCode.Forbidden, await GetAsync(http, provider.AccessToken("monitoring-api"), "/api/incidents"));
    }

    [Fact]
    public async Task Person_SignsInInARealBrowser()
    {
        await using var provider = await OidcProvider.StartAsync();
        provider.Claims = new JsonObject { ["sub"] = "u-17", ["preferred_username"] = "ann", ["groups"] = "ml-oncall" };
        await using var harness = await StartAsync(provider);
        var incident = await harness.AttackAsync();
        await using var browser = await Chromium.StartAsync();
        await browser.ResizeAsync(375, 812, mobile: true);
        await browser.GoAsync(new Uri(harness.Url, $"/incidents/{incident.Id}"));
        await browser.ClickAsync("a[href^='/login/provider']");
        Assert.Contains("its copy now agrees on 79 to 87 %", await browser.TextAsync("h1"), StringComparison.Ordinal);
        Assert.Equal("ann", await browser.TextAsync(".who"));
        await browser.ClickAsync("form[action$='/acknowledge'] button");
        Assert.Equal("ann", (await harness.ReloadAsync(incident.Id)).Assignee);
        await browser.ClickAsync("form[action='/logout'] button");
        Assert.Contains("Signed out here", await browser.TextAsync(".notice"), StringComparison.Ordinal);
        await browser.ClickAsync("a[href='/logout/provider']");
        Assert.StartsWith("signed out; back to http://127.0.0.1:", await browser.TextAsync("body"), StringComparison.Ordinal);
        Assert.Empty(browser.Errors);
        Assert.Empty(provider.Violations);
    }

    private static async Task<ConsoleHarness> StartAsync(OidcProvider provider)
    {
        var harness = await ConsoleHarness.StartAsync(keys: true, oidc: $$"""
            {
                authority: "{{provider.Authority}}",
                audience: monitoring-api,
                grants: [
                  { claim: groups, value: ml-oncall, roles: [ view, respond ] },
                  { claim: groups, value: ml-viewers },
                  { claim: groups, value: flights-team, roles: [ view, respond ], models: [ flights ] } ],
                signIn: { clientId: {{OidcProvider.ClientId}}, clientSecret: "file:{{ConsoleHarness.SecretFile}}", title: Acme ID } }
            """);
        provider.RedirectUris.Add(new Uri(harness.Url, "/login/callback").ToString());
        return harness;
    }

    /// <summary>From our button over the provider and back to us; what we answered to that.</summary>
    private static async Task<HttpResponseMessage> FollowAsync(HttpClient http, OidcProvider provider, string back) =>
        await http.GetAsync(await ToCallbackAsync(http, provider, back), Token);

    private static async Task<Uri> ToCallbackAsync(HttpClient http, OidcProvider provider, string back)
    {
        var sent = await http.GetAsync(new Uri($"/login/provider?return={Uri.EscapeDataString(back)}", UriKind.Relative), Token);
        Assert.Equal(HttpStatusCode.Redirect, sent.StatusCode);
        Assert.StartsWith(provider.Authority.ToString(), sent.Headers.Location!.ToString(), StringComparison.Ordinal);
        var returned = await http.GetAsync(sent.Headers.Location, Token);
        Assert.True(returned.StatusCode == HttpStatusCode.Redirect, $"{returned.StatusCode}: {string.Join("; ", provider.Violations)}");
        return returned.Headers.Location!;
    }

    private static async Task<HttpStatusCode> GetAsync(HttpClient http, string token, string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(path, UriKind.Relative));
        request.Headers.Authorization = new("Bearer", token);
        return (await http.SendAsync(request, Token)).StatusCode;
    }
}
