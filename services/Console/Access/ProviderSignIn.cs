using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.OpenIdConnect;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;
using Monitoring.Incidents;
using Monitoring.WebConsole.Pages;

namespace Monitoring.WebConsole.Access;

/// <summary>
/// Sign-in of people by an OpenID Connect provider: authorization code with PKCE (S256), state, nonce, and an ID token signed by a key that the provider publishes.
/// The framework's handler does the protocol; here stands what is asked of it, who may come in, and what people read when it fails. No token is kept.
/// </summary>
internal sealed partial class ProviderSignIn(LoadedConfiguration configuration, PageSession session, IncidentActions actions, TimeProvider time, ILogger<ProviderSignIn> logger)
    : IConfigureOptions<AuthenticationOptions>, IConfigureNamedOptions<OpenIdConnectOptions>
{
    public const string SchemeName = "Provider";
    public const string CallbackPath = "/login/callback";
    private const int MaxName = 200;

    /// <summary>How long a provider may take to answer.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    private OidcConfiguration? Oidc => configuration.Value.Api.Oidc is { SignIn: not null } oidc ? oidc : null;

    /// <summary>What the button calls the provider; null where there is none.</summary>
    public string? Title => Oidc?.SignIn!.Title;

    public void Configure(AuthenticationOptions options)
    {
        if (Oidc is not null)
        {
            options.AddScheme<OpenIdConnectHandler>(SchemeName, null);
        }
    }

    public void Configure(OpenIdConnectOptions options)
    {
    }

    public void Configure(string? name, OpenIdConnectOptions options)
    {
        if (name != SchemeName || Oidc is not { SignIn: { } signIn, Authority: { } authority } oidc)
        {
            return;
        }

        var secure = configuration.Value.Api.PublicUrl is { Scheme: "https" } ? CookieSecurePolicy.Always : CookieSecurePolicy.SameAsRequest;
        options.Authority = authority.ToString();
        options.RequireHttpsMetadata = !authority.IsLoopback;
        options.ClientId = signIn.ClientId;
        options.ClientSecret = signIn.ClientSecret?.Read();
        options.ResponseType = OpenIdConnectResponseType.Code;

        // A redirect with GET is a navigation at the top, which cookies that are Lax come along with.
        options.ResponseMode = OpenIdConnectResponseMode.Query;
        options.UsePkce = true;
        options.CallbackPath = CallbackPath;
        options.RemoteSignOutPath = PathString.Empty;
        options.SignedOutCallbackPath = PathString.Empty;
        options.SignInScheme = PageAuthentication.SchemeName;
        options.MapInboundClaims = false;
        options.SaveTokens = false;
        options.DisableTelemetry = true;
        options.BackchannelTimeout = s_patience;
        options.BackchannelHttpHandler = new ProviderChannel();
        options.TimeProvider = time;
        options.Scope.Clear();
        foreach (var scope in signIn.Scopes)
        {
            options.Scope.Add(scope);
        }

        SecurityRegistration.Strict(options.TokenValidationParameters);
        options.TokenValidationParameters.NameClaimType = signIn.NameClaim;
        foreach (var cookie in (CookieBuilder[])[options.CorrelationCookie, options.NonceCookie])
        {
            cookie.SameSite = SameSiteMode.Lax;
            cookie.SecurePolicy = secure;
            cookie.HttpOnly = true;
        }

        options.Events = new OpenIdConnectEvents
        {
            OnRedirectToIdentityProvider = context =>
            {
                context.ProtocolMessage.RedirectUri = Here(context.HttpContext) + CallbackPath;
                return Task.CompletedTask;
            },
            OnTokenValidated = context =>
            {
                // The framework lets unsigned tokens pass that came from the token endpoint, as the specification allows. We do not.
                if (!options.TokenValidationParameters.ValidAlgorithms.Contains(context.SecurityToken.Header.Alg, StringComparer.Ordinal))
                {
                    context.Fail(new SecurityTokenInvalidSignatureException($"the ID token is signed with '{context.SecurityToken.Header.Alg}'"));
                }

                return Task.CompletedTask;
            },
            OnTicketReceived = context => ReceiveAsync(context, oidc, signIn),
            OnAccessDenied = context =>
            {
                context.HandleResponse();
                return RefuseAsync(context.HttpContext, StatusCodes.Status401Unauthorized, "Not signed in", NotByProvider);
            },
            OnRemoteFailure = FailAsync,
        };
    }

    /// <summary>Where people reach this installation, without a slash at the end.</summary>
    public string Here(HttpContext context) => configuration.Value.Api.PublicUrl?.GetLeftPart(UriPartial.Authority) ?? $"{context.Request.Scheme}://{context.Request.Host}";

    /// <summary>Sends the browser to the provider; a page that says so where he cannot be reached.</summary>
    public async Task<IResult> BeginAsync(HttpContext context, string back)
    {
        try
        {
            await context.ChallengeAsync(SchemeName, new AuthenticationProperties { RedirectUri = back }).ConfigureAwait(false);
            return Results.Empty;
        }
        catch (Exception e) when (IsAway(e))
        {
            LogAway(logger, e);
            return MessagePage.Of(context, StatusCodes.Status503ServiceUnavailable, "The sign-in provider does not answer", Away, "/login");
        }
    }

    /// <summary>Where the provider's own session is ended; null where he has no such place or cannot be asked.</summary>
    public async Task<string?> EndAddressAsync(HttpContext context, IOptionsMonitor<OpenIdConnectOptions> options)
    {
        if (Oidc is not { SignIn: { } signIn })
        {
            return null;
        }

        try
        {
            var provider = await options.Get(SchemeName).ConfigurationManager!.GetConfigurationAsync(context.RequestAborted).ConfigureAwait(false);
            return provider.EndSessionEndpoint is { Length: > 0 } end
                ? $"{end}{(end.Contains('?', StringComparison.Ordinal) ? '&' : '?')}client_id={Uri.EscapeDataString(signIn.ClientId)}&post_logout_redirect_uri={Uri.EscapeDataString(Here(context) + "/login")}"
                : null;
        }
        catch (Exception e) when (IsAway(e))
        {
            LogAway(logger, e);
            return null;
        }
    }

    private const string NotByProvider = "The provider did not sign you in. Try again, or ask whoever runs it; the log of the console says what it answered.";

    private const string Away = "It did not answer, or not as a provider does. Try again; until then an API key signs in too, where there is one. The log of the console says more.";

    /// <summary>The provider vouches for somebody: a session begins where a grant is for him.</summary>
    private async Task ReceiveAsync(TicketReceivedContext context, OidcConfiguration oidc, OidcSignInConfiguration signIn)
    {
        var person = context.Principal!;
        var subject = person.FindFirst("sub")?.Value ?? "";
        var name = new string([.. (person.FindFirst(signIn.NameClaim)?.Value is { Length: > 0 } said ? said : subject).Where(c => !char.IsControl(c)).Take(MaxName)]);
        var claims = OidcGrants.Relevant(oidc, person.Claims);
        var identity = OidcGrants.Identity(oidc, name, claims, PageAuthentication.SchemeName);
        var mayRead = ((string[])[Policies.View, Policies.Respond, Policies.Admin]).Any(r => identity.HasClaim(System.Security.Claims.ClaimTypes.Role, r));
        await actions.RecordAsync(new Actor(name, []), "session.begin", From(context.HttpContext), mayRead ? "done" : "refused", $"by {oidc.Authority!.Host}, sub {(subject.Length > MaxName ? subject[..MaxName] : subject)}", context.HttpContext.RequestAborted).ConfigureAwait(false);
        context.HandleResponse();
        if (!mayRead)
        {
            await MessagePage.Of(context.HttpContext, StatusCodes.Status403Forbidden, "Nothing here is open to you", $"The provider knows you as {name}, but no grant of this installation is for you. Ask whoever keeps api.oidc.grants.", "/login").ExecuteAsync(context.HttpContext).ConfigureAwait(false);
            return;
        }

        session.Begin(context.HttpContext, name, claims, signIn.Session);
        await PageForms.SeeOther(LoginPage.LocalPath(context.ReturnUri)).ExecuteAsync(context.HttpContext).ConfigureAwait(false);
    }

    /// <summary>Says what went wrong in people's words; the details, which an attacker could use or forge, go to the log.</summary>
    private async Task FailAsync(RemoteFailureContext context)
    {
        context.HandleResponse();
        var failure = context.Failure ?? new InvalidOperationException("no reason given");
        LogRefused(logger, failure.Message.Split('\n', 2)[0], failure);
        var (status, title, text) =
            IsAway(failure) ? (StatusCodes.Status503ServiceUnavailable, "The sign-in provider does not answer", Away)
            : Find<SecurityTokenException>(failure) is not null || Find<OpenIdConnectProtocolInvalidNonceException>(failure) is not null ? (StatusCodes.Status401Unauthorized, "Not signed in", "What the provider sent does not hold: it is not for this installation, not from this provider, or not from now. The log of the console says what.")
            : failure.GetBaseException() is not AuthenticationFailureException ? (StatusCodes.Status401Unauthorized, "Not signed in", NotByProvider)
            : (StatusCodes.Status400BadRequest, "Begin again", "The sign-in was begun in another browser, took too long, or was not begun here.");
        await RefuseAsync(context.HttpContext, status, title, text).ConfigureAwait(false);
    }

    private async Task RefuseAsync(HttpContext context, int status, string title, string text)
    {
        await actions.RecordAsync(new Actor("unknown", []), "session.begin", From(context), "refused", $"by {Oidc!.Authority!.Host}: {title}", context.RequestAborted).ConfigureAwait(false);
        await MessagePage.Of(context, status, title, text, "/login").ExecuteAsync(context).ConfigureAwait(false);
    }

    private static string From(HttpContext context) => context.Connection.RemoteIpAddress?.ToString() ?? "";

    /// <summary>No connection, no answer in time, or metadata and keys that cannot be had (IDX20803 and its kin come as InvalidOperationException around the cause).</summary>
    private static bool IsAway(Exception e) => Find<HttpRequestException>(e) is not null || Find<IOException>(e) is not null || Find<TaskCanceledException>(e) is not null;

    private static T? Find<T>(Exception? e)
        where T : Exception
    {
        for (; e is not null; e = e.InnerException)
        {
            if (e is T found)
            {
                return found;
            }
        }

        return null;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "the sign-in provider cannot be reached")]
    private static partial void LogAway(ILogger logger, Exception e);

    [LoggerMessage(Level = LogLevel.Warning, Message = "a sign-in by the provider was refused: {Reason}")]
    private static partial void LogRefused(ILogger logger, string reason, Exception e);
}
