using System.Security.Claims;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Hosting.Tests;

public sealed class OidcConfigurationTests
{
    private const string Good = "api: { publicUrl: 'https://m.example', oidc: { authority: 'https://id.example', signIn: { clientId: c } } }\nmodels: [ { name: digits }, { name: flights } ]";

    [Fact]
    public void Sign_in_alone_is_enough_and_needs_no_warning()
    {
        var loaded = Parse(Good);
        Assert.Empty(loaded.Errors);
        Assert.DoesNotContain(loaded.Warnings, w => w.Path.StartsWith("api", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("oidc: { authority: 'http://id.example', audience: a }", "must be https")]
    [InlineData("oidc: { authority: 'https://id.example' }", "says nothing to check")]
    [InlineData("oidc: { audience: a }", "authority")]
    [InlineData("oidc: { authority: 'https://id.example', signIn: {} }", "clientId")]
    [InlineData("oidc: { authority: 'https://id.example', signIn: { clientId: c, clientSecret: s3cret } }", "clientSecret")]
    [InlineData("oidc: { authority: 'https://id.example', signIn: { clientId: c, scopes: [profile] } }", "openid is missing")]
    [InlineData("oidc: { authority: 'https://id.example', signIn: { clientId: c, session: 30d } }", "5m to 7d")]
    [InlineData("oidc: { authority: 'https://id.example', audience: a, grants: [ { claim: g, value: v, roles: [admin], models: [digits] } ] }", "not limited to models")]
    [InlineData("oidc: { authority: 'https://id.example', audience: a, grants: [ { value: v } ] }", "claim")]
    public void What_would_fail_or_open_is_an_error(string api, string message)
    {
        var loaded = Parse($"api: {{ {api} }}");
        Assert.Contains(loaded.Errors, e => e.ToString().Contains(message, StringComparison.Ordinal));
        Assert.DoesNotContain(loaded.Errors, e => e.ToString().Contains("s3cret", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("oidc: { authority: 'https://id.example', signIn: { clientId: c } }", "set api.publicUrl")]
    [InlineData("publicUrl: 'http://m.example', oidc: { authority: 'https://id.example', signIn: { clientId: c } }", "without TLS")]
    [InlineData("publicUrl: 'https://m.example', oidc: { authority: 'https://id.example', audience: c, signIn: { clientId: c } }", "audience of its own")]
    [InlineData("oidc: { authority: 'https://id.example', audience: a, grants: [ { claim: g, value: v, models: [digit] } ] }", "no model 'digit'")]
    public void What_is_unwise_is_a_warning(string api, string message)
    {
        var loaded = Parse($"api: {{ {api} }}\nmodels: [ {{ name: digits }} ]");
        Assert.Empty(loaded.Errors);
        Assert.Contains(loaded.Warnings, w => w.ToString().Contains(message, StringComparison.Ordinal));
    }

    [Fact]
    public void Grants_add_up_per_role()
    {
        var oidc = new OidcConfiguration
        {
            Grants =
            [
                new() { Claim = "groups", Value = "all", Roles = [Role.View] },
                new() { Claim = "groups", Value = "a", Roles = [Role.View, Role.Respond], Models = ["digits"] },
                new() { Claim = "groups", Value = "b", Roles = [Role.Respond], Models = ["flights"] },
                new() { Claim = "groups", Value = "root", Roles = [Role.Admin] },
            ],
        };
        var a = User("a");
        Assert.Equal((true, false, true, false), (a.May("view", "digits"), a.May("view", "flights"), a.May("respond", "digits"), a.May("publish", "digits")));
        var both = User("all", "b");
        Assert.Equal((true, true, false, true), (both.May("view", "digits"), both.May("view", "flights"), both.May("respond", "digits"), both.May("respond", "flights")));
        Assert.Equal(["digits", "flights"], User("a", "b").LimitedTo("respond")!.Order());
        Assert.True(User("a", "root").May("respond", "anything"));
        Assert.False(User("other").Has("view"));

        // A value under another claim, or a role that the token gives itself, says nothing.
        Assert.Empty(OidcGrants.Relevant(oidc, [new Claim("team", "root"), new Claim("roles", "admin"), new Claim("model", "digits")]));

        ClaimsPrincipal User(params string[] groups) =>
            new(OidcGrants.Identity(oidc, "u", OidcGrants.Relevant(oidc, groups.Select(g => new Claim("groups", g))), "test"));
    }

    [Fact]
    public void Without_grants_the_token_names_roles_and_models_itself()
    {
        var oidc = new OidcConfiguration();
        var user = new ClaimsPrincipal(OidcGrants.Identity(oidc, "u", OidcGrants.Relevant(oidc, [new Claim("roles", "view"), new Claim("roles", "owner"), new Claim("model", "digits")]), "test"));
        Assert.Equal((true, false, false), (user.May("view", "digits"), user.May("view", "flights"), user.IsInRole("owner")));
    }

    private static LoadedConfiguration Parse(string text) => LoadedConfiguration.Parse(text, "/tmp/monitoring.yaml", ConfigurationValidators.BuiltIn);
}
