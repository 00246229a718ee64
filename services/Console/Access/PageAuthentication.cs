using System.Security.Claims;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;

namespace Monitoring.WebConsole.Access;

/// <summary>
/// Who reads a page: a session's key or person, a caller with an API key or token in the headers, or whoever holds a signed link to the incident. Where
/// neither keys nor OIDC are configured, everybody is admin, as in the API.
/// </summary>
internal sealed class PageAuthentication(
    IOptionsMonitor<AuthenticationSchemeOptions> options,
    ILoggerFactory logger,
    UrlEncoder encoder,
    LoadedConfiguration configuration,
    PageSession session,
    IncidentLinks links,
    TimeProvider time) : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    public const string SchemeName = "Page";

    /// <summary>Holds a link's token for the pages below its incident, so that it does not stay in the address.</summary>
    public const string LinkCookie = "monitoring-link";

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        var api = configuration.Value.Api;
        if (session.Read(Context) is { } identity)
        {
            return Success(identity);
        }

        // Keys and tokens in headers, and the installation without keys.
        foreach (var scheme in api.Oidc is { Audience.Length: > 0 } ? (string[])["ApiKey", "Bearer"] : ["ApiKey"])
        {
            if (await Context.AuthenticateAsync(scheme).ConfigureAwait(false) is { Succeeded: true, Principal: { } caller })
            {
                return AuthenticateResult.Success(new AuthenticationTicket(caller, SchemeName));
            }
        }

        if (Request.RouteValues["id"] is string incident && Token() is { } token && links.Check(incident, token, time.GetUtcNow()) is not null)
        {
            string[] roles = links.Role == LinkRole.Respond ? [Policies.View, Policies.Respond] : [Policies.View];
            return Success(Identity($"link to {incident}", roles, [new Claim(PagePrincipal.IncidentClaim, incident)]));
        }

        return AuthenticateResult.NoResult();
    }

    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        if (HttpMethods.IsGet(Request.Method) || HttpMethods.IsHead(Request.Method))
        {
            Response.Redirect("/login?return=" + Uri.EscapeDataString(Request.Path));
            return Task.CompletedTask;
        }

        Response.StatusCode = StatusCodes.Status401Unauthorized;
        return Task.CompletedTask;
    }

    protected override Task HandleForbiddenAsync(AuthenticationProperties properties) =>
        Pages.MessagePage.Of(Context, StatusCodes.Status403Forbidden, "Not yours to see", "You are signed in, but this key may not do that. Sign in with another, or ask whoever keeps the keys.").ExecuteAsync(Context);

    private string? Token() => Request.Query[IncidentLinks.Parameter] is [{ Length: > 0 } query] ? query : Request.Cookies[LinkCookie];

    private static AuthenticateResult Success(ClaimsIdentity identity) => AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(identity), SchemeName));

    /// <summary>Somebody with a name, roles and other claims.</summary>
    public static ClaimsIdentity Identity(string name, IEnumerable<string> roles, IEnumerable<Claim> claims)
    {
        var identity = new ClaimsIdentity(SchemeName);
        identity.AddClaim(new Claim(ClaimTypes.Name, name));
        identity.AddClaims(roles.Select(r => new Claim(ClaimTypes.Role, r)));
        identity.AddClaims(claims);
        return identity;
    }
}
